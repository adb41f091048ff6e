"""The page that needs no server: photos and webcam judged in the visitor's own browser."""
