"""What npm clients say about who they are."""
