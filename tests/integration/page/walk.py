"""Walks over the status page in a browser. Talks to page.sh line by line: "ok TEXT", "fail TEXT", "do COMMAND" (which is
answered with a line when it is done).

usage: walk.py SCRATCH PICTURES KEYHSMD KEYTRUSTEED STRANGER NOBODY WATCHER   (the last five are addresses of proxies)"""
import json
import sys
import traceback

from browser import Browser, Failure

SCRATCH, PICTURES = sys.argv[1:3]
KEYHSMD, KEYTRUSTEED, STRANGER, NOBODY, WATCHER = sys.argv[3:8]
TAB, ENTER, SPACE, SHIFT = "\ue004", "\ue007", " ", "\ue008"
THERE = "return !document.querySelector('main').hidden"


def tell(word, text):
    print(word, " ".join(text.split()), flush=True)


def check(text, good, detail=""):
    tell("ok" if good else "fail", text if good else f"{text}: {detail}")


def do(command):
    tell("do", command)
    if not sys.stdin.readline():
        raise Failure(f"nobody did {command}")


def quiet(b, what, allowed=()):
    """Nothing on the console, so no violation of the policy either, but for failed requests that were wanted."""
    wrong = [e["message"] for e in b.console() if not any(a in e["message"] for a in allowed)]
    check(f"{what}: nothing is wrong on the console", not wrong, str(wrong))


def see(b, url, name):
    b.open(url)
    b.until("the state is there", THERE)
    b.picture(f"{PICTURES}/{name}.png")


def state(b):
    return b.run("return document.getElementById('head').dataset.state")


def fits(b, what):
    wide = b.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    check(f"{what}: nothing is wider than the screen", wide[0] <= wide[1], str(wide))
    out = b.run("""return [...document.querySelectorAll('main *, header *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 &&
        !e.closest('.scroll, .hidden-text') && e.getClientRects().length).map((e) => e.outerHTML.slice(0, 80))""")
    check(f"{what}: nothing sticks out", not out, str(out))


def contrast(b, what):
    """WCAG 2.1 AA: 4.5 to 1 for text."""
    worst = b.run("""
      const style = getComputedStyle(document.documentElement), probe = document.createElement('i');
      document.body.append(probe);
      const light = (name) => {
        probe.style.color = style.getPropertyValue(name);
        const [r, g, b] = getComputedStyle(probe).color.match(/[\\d.]+/g).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const pairs = [['ink', 'card'], ['ink', 'ground'], ['soft', 'card'], ['soft', 'ground'], ['good', 'card'], ['warn', 'card'], ['bad', 'card'],
        ['ink', 'bad-ground'], ['ink', 'warn-ground'], ['plot', 'card'], ['plot', 'ground'], ['card', 'ink']];
      const bad = pairs.map(([a, b]) => { const x = light('--' + a), y = light('--' + b); return [a + ' on ' + b, (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)]; })
        .filter(([, ratio]) => ratio < 4.5);
      probe.remove();
      return bad;""")
    check(f"{what}: text can be read (4.5 to 1)", not worst, str(worst))


# ---- keyhsmd ----

def empty(b):
    see(b, KEYHSMD, "empty")
    check("without deposits all is well", b.text("#headline") == "All is well.", b.text("#headline"))
    check("it is keyhsmd", "keyhsmd on " in b.text("#where"), b.text("#where"))
    check("0 live", b.text("#live") == "0", b.text("#live"))
    chain = b.text("#chain").split()
    check("the chain has its nodes", chain == ["clients", "works:", "keyhsmd", "works:", "token", "keyhsmd", "works:", "catalog"], str(chain))
    check("no request failed", "none failed" in b.text("#load") or "No request of a client" in b.text("#load"), b.text("#load"))
    check("there is no audit log", b.run("return document.getElementById('audit-section').hidden"))
    check("the title says it", b.run("return document.title").startswith("All is well – keyhsmd on "), b.run("return document.title"))
    quiet(b, "empty")


# ---- keytrusteed ----

def full(b):
    see(b, KEYTRUSTEED, "full-light")
    check("100,000 deposits: all is well", state(b) == "ok", b.text("#headline") + b.text("#notes"))
    check("90,001 live", b.text("#live") == "90,001", b.text("#live"))
    check("10,000 deleted", "10,000" in b.text("#deposits"), b.text("#deposits"))
    chain = b.text("#chain").split()
    check("the chain", chain == ["clients", "works:", "keytrusteed", "works:", "keyhsmd", "works:", "token"], str(chain))
    check("the load in words", "in the hour" in b.text("#load") and "none failed" in b.text("#load"), b.text("#load"))
    labels = b.run("return [...document.querySelectorAll('.plot svg')].map((s) => s.getAttribute('role') + ' ' + s.getAttribute('aria-label'))")
    check("the plots have it for those who do not see", len(labels) == 2 and all(t.startswith("img ") and "over the last hour" in t for t in labels), str(labels))
    check("certificates", "this server" in b.text("#certificates") and "CN=server" in b.text("#certificates"), b.text("#certificates"))
    name = "<script>alert(1)<script>"
    check("a name is text", name in b.text("#audit"), b.text("#audit"))
    check("and no more", b.run("return document.querySelectorAll('#audit script').length") == 0)
    fits(b, "wide")
    contrast(b, "light")
    quiet(b, "full")
    b.dark(True)
    b.picture(f"{PICTURES}/full-dark.png")
    dark = b.run("return getComputedStyle(document.body).backgroundColor")
    check("in the dark it is dark", dark == "rgb(18, 24, 26)", dark)
    contrast(b, "dark")
    b.dark(False)


def keyboard(b):
    b.open(KEYTRUSTEED)
    b.until("the state is there", THERE)
    seen = []
    for _ in range(12):
        b.keys(TAB)
        here = b.run("""const e = document.activeElement, s = getComputedStyle(e);
            return [e.id || e.getAttribute('aria-label') || e.textContent.trim().slice(0, 30), s.outlineStyle, parseFloat(s.outlineWidth)]""")
        if here[0] in [s[0] for s in seen] or b.run("return document.activeElement === document.body"):
            break
        seen.append(here)
    order = [s[0] for s in seen]
    wanted = ["Skip to the state", "pause", "Each link, and what was last w", "The same in numbers", "Certificates", "Recent audit entries", "The same as JSON"]
    check("the keyboard comes by everything, in order", order == wanted, str(order))
    check("and one sees where it is", all(s[1] != "none" and s[2] >= 2 for s in seen), str(seen))
    b.run("document.getElementById('links-more').querySelector('summary').focus()")
    b.keys(ENTER)
    check("a key opens the links", b.run("return document.getElementById('links-more').open"))
    check("they are a table", "keytrusteed → keyhsmd" in b.text("#links") and "works" in b.text("#links"), b.text("#links"))
    b.run("document.getElementById('pause').focus()")
    b.keys(SPACE)
    check("a key stops it", b.text("#pause") == "Go on" and b.text("#updated").startswith("Paused"), b.text("#updated"))
    before = b.run("return performance.getEntriesByName(location.origin + '/v1/status').length")
    b.click("#pause")
    b.until("it asks again", "return performance.getEntriesByName(location.origin + '/v1/status').length > arguments[0]", before)
    check("a click goes on", b.text("#pause") == "Pause", b.text("#pause"))
    check("what was open stays open", b.run("return document.getElementById('links-more').open"))
    b.open(KEYTRUSTEED)
    b.until("the state is there", THERE)
    b.keys(TAB, ENTER)
    check("the skip link goes to the state", b.run("return document.activeElement.id") == "main")
    quiet(b, "keyboard")


def phone(b):
    b.devtools("Emulation.setDeviceMetricsOverride", width=360, height=780, deviceScaleFactor=2, mobile=True)
    see(b, KEYTRUSTEED, "phone")
    fits(b, "phone")
    small = b.run("return [...document.querySelectorAll('button, summary')].map((e) => e.getBoundingClientRect().height).filter((h) => h < 36)")
    check("a finger finds what can be pressed", not small, str(small))
    b.dark(True)
    b.picture(f"{PICTURES}/phone-dark.png")
    b.dark(False)
    quiet(b, "phone")
    b.devtools("Emulation.clearDeviceMetricsOverride")


def broken(b):
    b.open(KEYTRUSTEED)
    b.until("the state is there", THERE)
    do("hsm_stop")
    b.until("the break is seen", "return document.getElementById('head').dataset.state === 'failed'")
    b.picture(f"{PICTURES}/broken.png")
    check("which link is broken is said", b.text("#headline") == "keytrusteed cannot reach keyhsmd.", b.text("#headline"))
    check("and why", "keytrusteed → keyhsmd, since " in b.text("#broken") and "connect" in b.text("#broken"), b.text("#broken"))
    check("what is behind it is not known", "not known" in b.text("#chain"), b.text("#chain"))
    check("what was counted stays", b.text("#live") == "90,001", b.text("#live"))
    do("hsm_start")
    b.until("it is whole again", "return document.getElementById('head').dataset.state === 'ok'")
    b.run("document.getElementById('links-more').open = true")
    check("what was wrong is remembered", "connect" in b.text("#links").lower(), b.text("#links"))
    quiet(b, "broken")
    do("daemon_stop")
    b.until("the silence is seen", "return !document.getElementById('banner').hidden")
    b.picture(f"{PICTURES}/away.png")
    check("who is silent is said", b.text("#headline") == "keytrusteed does not answer.", b.text("#headline"))
    check("and how old the rest is", "What stands below is of " in b.text("#banner"), b.text("#banner"))
    do("daemon_start")
    b.until("it goes on by itself", "return document.getElementById('banner').hidden && document.getElementById('head').dataset.state === 'ok'")
    quiet(b, "away", allowed=("net::ERR_", "Failed to load resource"))


def refused(b):
    b.open(STRANGER)
    b.picture(f"{PICTURES}/refused.png")
    text = b.text("main")
    check("403 in words", "you may not see its status" in text and "allow status on * to" in text, text)
    check("and who one is", "CN=other" in text, text)
    b.open(NOBODY)
    check("401 in words", "does not know who you are" in b.text("main"), b.text("main"))
    quiet(b, "refused", allowed=("Failed to load resource",))


def watcher(b):
    b.open(WATCHER)
    b.until("the state is there", THERE)
    check("whoever may only see the status sees it", state(b) == "ok", b.text("#headline"))
    check("but no names", "not shown" in b.text("#audit") and "seed" not in b.text("#audit") and "script" not in b.text("#audit"), b.text("#audit"))
    check("and is told so", "may not list" in b.text("#audit-note"), b.text("#audit-note"))
    hidden = json.dumps(b.run("return fetch('/v1/status').then((a) => a.json())")["audit"])
    check("nor does the JSON have them", "script" not in hidden and "first" not in hidden, hidden)


def shut(b):
    """What somebody put on the page would not run."""
    b.open(KEYTRUSTEED)
    b.until("the state is there", THERE)
    b.run("""const s = document.createElement('script'); try { s.text = 'window.ranAnyway = 1'; document.head.append(s); } catch (e) { window.shut = 1; }
             try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.ranAnyway = 1">'); } catch (e) { window.shut = 1; }""")
    found = b.run("return [window.ranAnyway === undefined, window.shut === 1]")
    check("a script that was put in does not run", found == [True, True], str(found))


def no_script():
    with Browser(SCRATCH, script=False) as b:
        b.open(KEYTRUSTEED)
        text = b.text("noscript p") or b.text("body")
        check("without JavaScript it says so", "needs JavaScript" in text, text)


try:
    with Browser(SCRATCH) as browser:
        empty(browser)
        do("fill")
        for part in (full, keyboard, phone, broken, refused, watcher, shut):
            part(browser)
    no_script()
except Exception:  # pylint: disable=broad-except
    check("the walk goes to its end", False, traceback.format_exc().replace("\n", " | "))
tell("end", "")
