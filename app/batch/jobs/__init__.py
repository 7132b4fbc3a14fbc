"""Jobs as values: their files and tasks, the journal, events and progress."""
