"""What people and programs see: scores, reasons, cases, API and web pages."""
