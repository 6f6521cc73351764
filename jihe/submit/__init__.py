"""Files for programs that want one to start with, alone in their folder."""
