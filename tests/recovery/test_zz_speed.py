import time, pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from ghostcart.mail import claiming
from ghostcart.recovery import claims, scan
from ghostcart.recovery.models import Campaign
from tests.recovery import following
from tests.recovery.following import *
@pytest.mark.django_db
def test_speed():
    shop = following.shop()
    c = following.campaign(shop)
    Campaign.objects.update(cleared_size=10000)
    for n in range(200): left(shop, f"p{n}@example.com", NOON+HOUR)
    now = NOON+26*HOUR
    t=time.perf_counter(); cpu=time.process_time()
    while scan.enrol(now): pass
    print("enrol 200:", time.perf_counter()-t, "cpu", time.process_time()-cpu)
    with CaptureQueriesContext(connection) as cap:
        claiming.claim(now, worker="w", decide={"reminder": claims.decide}, limit=20)
    print("queries for 20:", len(cap))
    from collections import Counter
    print(Counter(q["sql"][:70] for q in cap.captured_queries).most_common(14))
    t=time.perf_counter(); cpu=time.process_time()
    import cProfile, pstats
    p=cProfile.Profile()
    n=0
    while (h:=claiming.claim(now, worker="w", decide={"reminder": claims.decide}, limit=20).handled): n+=h
    print("claim", n, time.perf_counter()-t, "cpu", time.process_time()-cpu)
