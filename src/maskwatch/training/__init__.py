"""From public pictures to a model card; nothing at run time imports this package."""
