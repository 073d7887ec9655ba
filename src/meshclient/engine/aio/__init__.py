"""The wire engine on asyncio and uvloop."""
