"""How steady live labels are: drawn films of test faces, and what is shown of them."""
