"""The command line, the jobs and the client; on top of everything."""
