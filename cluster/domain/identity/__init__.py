"""Identity: faces, how alike they are, and the score that says whether a picture shows somebody."""
