"""What is to be done, as values: jobs, the files and tasks they become, the journal, events and progress."""
