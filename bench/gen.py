"""A deterministic workload: gen.py kv|json OUTFILE [LINES] [SEED]. From the project's seed material.

Kept word for word as the first measurements were made with it, so that figures stay comparable.
"""
# mypy: ignore-errors
import sys, random, json

CLASSES = [f"app.{m}.jobs.{c}" for m, c in [
    ("pullrequests", "PullRequestProcessUpdates"), ("pullrequests", "PullRequestMerge"),
    ("pullrequests", "PullRequestSync"), ("repos", "RepoSync"), ("repos", "RepoLabels"),
    ("repos", "RepoProcessQueue"), ("orgs", "OrgSync"), ("orgs", "OrgBilling"),
    ("webhooks", "WebhookProcess"), ("webhooks", "WebhookRetry"), ("mail", "SendDigest"),
    ("mail", "SendInvite"), ("search", "Reindex"), ("search", "Vacuum"), ("audit", "Export"),
    ("audit", "Rotate"), ("billing", "Invoice"), ("billing", "Dunning"), ("cron", "Heartbeat"),
    ("cron", "Cleanup")]]
QUEUES = ["default", "high", "low", "slow lane"]
PATHS = ["/webhooks/github/", "/", "/login/", "/api/repos/", "/api/pulls/", "/api/orgs/", "/health/",
         "/settings/billing/", "/static/app.js", "/search/", "/oauth/callback/", "/admin/"]
METHODS = ["GET", "GET", "GET", "POST", "POST", "PUT"]
STATUS = [200, 200, 200, 200, 200, 201, 204, 302, 404, 500]
LEVELS = ["INFO"] * 16 + ["DEBUG"] * 2 + ["WARNING", "ERROR"]
PINO = {"DEBUG": 20, "INFO": 30, "WARNING": 40, "ERROR": 50}
TITLES = ['Fix \\"flaky\\" test in CI', 'Bump deps', 'Add a C:\\\\path with spaces', 'refs #42: say \\"hi\\" = yes',
          'Update README', 'Zażółć gęślą jaźń']
TB = ["Traceback (most recent call last):",
      '  File "/srv/app/worker.py", line 211, in run', "    result = job.perform(timeout=30, retry=True)",
      '  File "/srv/app/jobs/base.py", line 87, in perform', "    raise JobError(msg, code=502)",
      "app.errors.JobError: upstream said 502 (attempt=3)", ""]
PLAIN = ["Starting worker, press Ctrl-C to quit", "gunicorn: [CRITICAL] WORKER TIMEOUT (pid:211)",
         "Listening at: http://0.0.0.0:8000 (1)", "### restarting ###", "sqlalchemy pool overflow 3/10"]
HEX = "0123456789abcdef"


def dur(r):
    return round(min(r.lognormvariate(-3.2, 1.6), 60.0), 3)


def gen_kv(w, n, seed):
    r = random.Random(seed); rr = r.random; i = 0; t = 0; buf = []
    rid = lambda: "%032x" % r.getrandbits(128)
    pend = []
    for i in range(n):
        if pend:
            buf.append(pend.pop(0)); continue
        x = rr(); t += 1
        p = rr()
        pre = "%s 2026-11-20T%02d:%02d:%02d.%03dZ " % (r.choice(LEVELS), t // 36000 % 24, t // 600 % 60, t // 10 % 60, t % 1000) if p < .6 else ""
        if x < .30:
            q = r.choice(QUEUES) if rr() < .4 else "default"
            extra = ' title="%s"' % r.choice(TITLES) if rr() < .2 else ""
            tail = ' note="took job_duration=%.3f \\"wall\\" job_class=decoy"' % dur(r) if rr() < .01 else ""
            buf.append('%sCompleted job%s job_class=%s job_duration=%.3f job_queue="%s" job_id=%d request_id=%s%s' % (
                pre, extra, r.choice(CLASSES), dur(r), q, r.getrandbits(24), rid(), tail))
        elif x < .40:
            wp = r.randrange(1, 17)
            buf.append('%sJob worker stats worker_processes=%d jobs_requested=%d jobs_processing=%d rss_mb=%.1f' % (
                pre, wp, r.randrange(64), r.randrange(wp + 1), 80 + 100 * rr()))
        elif x < .70:
            buf.append('%sAPI response status=%d from_cache=%s rate_limit_remaining=%d rate_limit_limit=5000 url="https://api.github.com/repos/o%d/r%d/pulls?page=%d"' % (
                pre, r.choice(STATUS), "True" if rr() < .6 else "False", r.randrange(5001), r.randrange(99), r.randrange(999), r.randrange(9)))
        elif x < .95:
            buf.append('%sRequest method=%s path="%s" status=%d duration=%.3f user_agent="Mozilla/5.0 (X11; \\"Linux\\" x86_64)" request_id=%s' % (
                pre, r.choice(METHODS), r.choice(PATHS), r.choice(STATUS), dur(r), rid()))
        elif x < .96:
            pend = TB[1:]; buf.append(TB[0])
        elif x < .98:
            buf.append('%sCache purge keys=%d reason="ttl expired for \\"all\\"" region=eu-%d' % (pre, r.randrange(999), r.randrange(3)))
        else:
            buf.append(r.choice(PLAIN))
        if len(buf) > 20000:
            w("\n".join(buf).encode() + b"\n"); buf.clear()
    if buf: w("\n".join(buf).encode() + b"\n")


def gen_json(w, n, seed):
    r = random.Random(seed); rr = r.random; buf = []; pend = []; t = 1763600000000
    D = lambda o: json.dumps(o, separators=(",", ":"), ensure_ascii=False)
    rid = lambda: "%08x-%04x-4%03x" % (r.getrandbits(32), r.getrandbits(16), r.getrandbits(12))
    for i in range(n):
        if pend:
            buf.append(pend.pop(0)); continue
        x = rr(); t += r.randrange(20)
        o = {"level": PINO[r.choice(LEVELS)], "time": t, "pid": 200 + r.randrange(4), "hostname": "worker-%d.eu" % r.randrange(4), "reqId": rid()}
        if x < .30:
            o["name"] = "jobs"; o["msg"] = "Job execution completed"; o["jobType"] = r.choice(CLASSES)
            o["queue"] = r.choice(QUEUES) if rr() < .4 else "default"; o["durationMs"] = int(dur(r) * 1000) if rr() < .7 else round(dur(r) * 1000, 2)
            o["jobId"] = r.getrandbits(40); o["attempt"] = r.randrange(1, 4); o["success"] = rr() < .97; o["error"] = None; o["tags"] = ["a", "b%d" % r.randrange(9)]
            if rr() < .2: o["title"] = r.choice(TITLES)
            if rr() < .01: o["note"] = 'decoy "durationMs":9,"jobType":"decoy" end'
        elif x < .40:
            o["msg"] = "Job worker stats"; o["workerProcesses"] = r.randrange(1, 17); o["jobsRequested"] = r.randrange(64)
            o["jobsProcessing"] = r.randrange(8); o["rssMb"] = round(80 + 100 * rr(), 1); o["loop"] = {"lag": round(rr() * 9, 3), "util": rr()}
        elif x < .70:
            o["component"] = "github"; o["msg"] = "API response"; o["status"] = r.choice(STATUS); o["fromCache"] = rr() < .6
            o["rateLimitRemaining"] = r.randrange(5001); o["rateLimit"] = 5000; o["etag"] = None
            o["url"] = "https://api.github.com/repos/o%d/r%d/pulls?page=%d" % (r.randrange(99), r.randrange(999), r.randrange(9)); o["retry"] = False
        elif x < .95:
            o["req"] = {"id": r.getrandbits(20), "method": r.choice(METHODS), "url": r.choice(PATHS), "remotePort": r.randrange(65536)}
            o["res"] = {"statusCode": r.choice(STATUS), "contentLength": r.randrange(99999)}
            o["responseTime"] = round(dur(r) * 1000, 1); o["ua"] = 'Mozilla/5.0 (X11; "Linux")'; o["msg"] = "request completed"
        elif x < .98:
            o["msg"] = 'Cache purge for "all"'; o["keys"] = r.randrange(999); o["region"] = "eu-%d" % r.randrange(3); o["x"] = [1, 2, {"y": None}]
        elif x < .985:
            pend = TB[1:-1]; buf.append(TB[0]); continue
        elif x < .989:
            o["msg"] = "truncated"; s = D(o); buf.append(s[:-r.randrange(1, 30)]); continue
        else:
            buf.append(r.choice(PLAIN)); continue
        buf.append(D(o))
        if len(buf) > 20000:
            w("\n".join(buf).encode() + b"\n"); buf.clear()
    if buf: w("\n".join(buf).encode() + b"\n")


if __name__ == "__main__":
    kind, out = sys.argv[1:3]
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 2_000_000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 7
    with open(out, "wb", 1 << 20) as f:
        (gen_kv if kind == "kv" else gen_json)(f.write, n, seed)
