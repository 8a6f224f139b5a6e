"""Who says no: one function per guard with its row of documentation, sorted by when it is asked."""
