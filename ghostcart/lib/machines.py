"""Signs that a request comes from a machine and not from a person, as its User-Agent tells."""

from functools import lru_cache

from crawlerdetect import CrawlerDetect

_crawlers = CrawlerDetect()
HEADLESS = ("headlesschrome", "phantomjs", "selenium")


@lru_cache(maxsize=4096)
def reasons(user_agent: str) -> tuple[str, ...]:
    """What speaks against a person in a User-Agent: `crawler`, `headless`, `no_user_agent`; usually nothing."""
    if not user_agent.strip():
        return ("no_user_agent",)
    if any(sign in user_agent.lower() for sign in HEADLESS):
        return ("headless",)
    return ("crawler",) if _crawlers.isCrawler(user_agent[:1000]) else ()
