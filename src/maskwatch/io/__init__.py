"""Where colour orders, files, networks and the machine end: pictures, films, drawing, reports."""
