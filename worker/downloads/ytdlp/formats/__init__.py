"""The choice among a site's formats. All pure."""
