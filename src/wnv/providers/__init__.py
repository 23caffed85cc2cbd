"""What wnv knows of single Windows event providers: who they are, and what their numbers mean."""
