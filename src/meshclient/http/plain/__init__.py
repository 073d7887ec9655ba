"""The short road: plain calls prepared without httpx's machinery, and answered by an httpx.Response filled lazily."""
