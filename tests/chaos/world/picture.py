"""The picture of a run: time to the right, a row for each host with its clients, a row for each node."""
import collections
from xml.sax.saxutils import escape

from . import locks
from .checker import AFTER

LABELS, MARGIN = 78, 20  # widths
HEAD, LANE, GAP, NODE, AXIS, LINE = 98, 15, 12, 20, 30, 17  # heights
LEAST_WIDTH, MOST_PER_SECOND, LEAST_PER_SECOND = 1000, 40.0, 6.0
CHARACTER = 5.6  # the width of one, at 10 px
FENCE_DIGITS = 5

COLOURS = {locks.PLAIN: "#0a5fc2", locks.STORE: "#2f7d4f", "a": "#8250df", "b": "#a475f9", "c": "#c297ff", locks.POOL: "#c05a00",
           locks.REST: "#00798c", locks.SHARED: "#6e5a3c"}
LINK_FAULTS = {"cut-off": "cut off from", "cut-to-nodes": "cannot reach", "cut-from-nodes": "cannot hear", "half-open": "half-open to",
               "reset": "reset to", "dns-changed": "name changed of"}
PROCESS_FAULTS = {"redlock-killed": "redlock killed", "redlock-stopped": "redlock stopped", "guard-killed": "guard killed",
                  "guard-stopped": "guard stopped", "alarm-killed": "alarm killed", "alarm-stopped": "alarm stopped"}

STYLE = """
  .page { fill: #ffffff; }
  text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 10px; fill: #59636e; }
  .title { font-size: 15px; font-weight: 600; fill: #1f2328; }
  .row { font-size: 12px; font-weight: 600; fill: #1f2328; }
  .legend { font-size: 11.5px; }
  .host { fill: #f3f5f7; }
  .grid { stroke: #dfe4e8; }
  .wait { stroke-width: 1.5; opacity: 0.75; }
  .fence { fill: #ffffff; font-size: 9.5px; }
  .link { fill: #8c959f; opacity: 0.35; }
  .said { fill: #3d444d; font-size: 9.5px; }
  .up { fill: #cfe8d6; }
  .young { fill: #f5e3ac; }
  .stopped { fill: #aab2bb; }
  .down { fill: #3d444d; }
  .inverse { fill: #ffffff; font-size: 9.5px; }
  .outside { fill: #fff1c2; }
  .mark { fill: #1f2328; }
  .bad { stroke: #d1242f; stroke-width: 2; fill: none; }
  .badly { fill: #d1242f; font-size: 12px; font-weight: 600; }
"""


class Picture:
    def __init__(self, run, violations, begin, end):
        self.run, self.violations = run, violations
        self.zero = run.lines[0]["at"]
        last = max(line["at"] for line in run.lines if line["what"] in ("end", "fault-off", "run"))
        self.begin = self.zero + begin
        self.end = min(last, self.zero + end) if end is not None else last
        seconds = max(self.end - self.begin, 1.0)
        self.scale = min(MOST_PER_SECOND, max(LEAST_PER_SECOND, (LEAST_WIDTH - LABELS - 2 * MARGIN) / seconds))
        self.width = LABELS + 2 * MARGIN + seconds * self.scale
        self.shapes = []
        self.said = collections.defaultdict(list)  # lane -> where there is text in it already
        about = run.lines[0]
        self.hosts = [f"host{n + 1}" for n in range(about["hosts"])]
        self.nodes = [f"node{n + 1}" for n in range(about["nodes"])]
        self.clients = sorted({line["client"].rsplit(".", 1)[0] for line in run.starts.values()})
        self.lanes = self.place_lanes()

    def place_lanes(self):
        """host or client's thread or node -> the top of its lane."""
        lanes, top = {}, HEAD
        for host in self.hosts:
            lanes[host] = top
            top += LANE  # for what is done to it
            for thread in (client for client in self.clients if client.startswith(host + ".")):
                lanes[thread] = top
                top += LANE
            top += GAP
        for node in self.nodes:
            lanes[node] = top
            top += NODE + 4
        self.bottom = top
        return lanes

    def x(self, at):
        return LABELS + MARGIN + (min(max(at, self.begin), self.end) - self.begin) * self.scale

    def is_seen(self, begin, end):
        return end >= self.begin and begin <= self.end

    def add(self, text):
        self.shapes.append(text)

    def bar(self, kind, begin, end, top, height, tip="", **more):
        extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
        width = max(self.x(end) - self.x(begin), 1.0)
        tip = f"<title>{escape(tip)}</title>" if tip else ""
        self.add(f'<rect class="{kind}" x="{self.x(begin):.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"{extra}>{tip}</rect>')

    def text(self, kind, x, y, words, **more):
        extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
        self.add(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{extra}>{escape(words)}</text>')

    def inside(self, kind, begin, end, y, choices):
        """The first of the texts that fits in between."""
        for words in choices:
            if len(words) * CHARACTER <= self.x(end) - self.x(begin) - 4:
                self.text(kind, self.x(begin) + 3, y, words)
                return

    def say(self, at, top, words):
        """In the lane for what is done to a host, where nothing else is said yet."""
        length = len(words) * CHARACTER
        begin = min(self.x(at) + 3, self.x(self.end) - length)
        end = begin + length
        if all(end < other_begin or begin > other_end for other_begin, other_end in self.said[top]):
            self.said[top].append((begin, end))
            self.text("said", begin, top + 9, words)

    def draw(self):
        self.draw_rows()
        self.draw_outside()
        self.draw_grid()
        self.draw_links()
        self.draw_clients()
        self.draw_processes()
        for node in self.nodes:
            self.draw_node(node)
        listed = self.draw_violations()
        self.draw_head()
        height = self.bottom + AXIS + listed * LINE + 8
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:.0f} {height:.0f}" width="{self.width:.0f}" '
                f'height="{height:.0f}" role="img"><style>{STYLE}</style>\n<rect class="page" width="100%" height="100%"/>\n' +
                "\n".join(self.shapes) + "\n</svg>\n")

    def draw_head(self):
        about = self.run.lines[0]
        self.text("title", MARGIN, 26, f"{about['hosts']} hosts, {about['nodes']} nodes, seed {about['seed']}: "
                  f"{self.begin - self.zero:.0f} s to {self.end - self.zero:.0f} s")
        x = MARGIN
        used = {name.partition("#")[0] for grant in self.run.grants for name in grant.locks}
        for name, colour in COLOURS.items():
            if name in used:
                self.add(f'<rect x="{x:.0f}" y="40" width="16" height="11" rx="2" fill="{colour}"/>')
                self.text("legend", x + 20, 50, name)
                x += 34 + len(name) * 6.6
        self.text("legend", x + 4, 50, "a lock that is held, with the end of its fence; a thin line waits for it")
        x = MARGIN
        for kind, words in (("link", "a host's way to nodes"), ("up", "node up"), ("young", "up, without a vote yet"),
                            ("stopped", "stopped"), ("down", "down"), ("outside", "outside of the model: holders may meet")):
            self.add(f'<rect class="{kind}" x="{x:.0f}" y="62" width="16" height="11" rx="2"/>')
            self.text("legend", x + 20, 72, words)
            x += 36 + len(words) * 6.0
        self.add(f'<path class="mark" d="M{x + 8:.0f} 73 l-5 -9 h10 z"/>')
        self.text("legend", x + 20, 72, "killed or stopped")

    def draw_rows(self):
        for host in self.hosts:
            lanes = 1 + sum(client.startswith(host + ".") for client in self.clients)
            self.add(f'<rect class="host" x="{LABELS + MARGIN}" y="{self.lanes[host] - 2}" width="{self.x(self.end) - LABELS - MARGIN:.1f}" '
                     f'height="{lanes * LANE + 4}" opacity="0.8"/>')
            self.text("row", MARGIN, self.lanes[host] + lanes * LANE / 2 + 4, host)
        for node in self.nodes:
            self.text("row", MARGIN, self.lanes[node] + NODE / 2 + 4, node)

    def draw_grid(self):
        step = next(step for step in (1, 2, 5, 10, 30, 60, 300) if step * self.scale >= 60)
        first = int((self.begin - self.zero) / step + 0.999) * step
        for seconds in range(first, int(self.end - self.zero) + 1, step):
            x = self.x(self.zero + seconds)
            self.add(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 6}" y2="{self.bottom}"/>')
            self.text("", x, self.bottom + 14, f"{seconds} s", text_anchor="middle")

    def draw_outside(self):
        for fault in self.run.faults:
            if fault["outside"] == "all" and self.is_seen(fault["at"], fault["until"]):
                self.bar("outside", fault["at"], fault["until"] + AFTER, HEAD - 6, self.bottom - HEAD + 6, fault["fault"], opacity=0.6)

    def draw_links(self):
        for fault in self.run.faults:
            if not self.is_seen(fault["at"], fault["until"]):
                continue
            for host in fault.get("hosts", ()):
                lanes = 1 + sum(client.startswith(host + ".") for client in self.clients)
                top = self.lanes[host]
                if fault["fault"] in LINK_FAULTS:
                    nodes = " ".join(node.removeprefix("node") for node in sorted(fault.get("nodes", ())))
                    words = f"{LINK_FAULTS[fault['fault']]} {nodes}"
                    self.bar("link", fault["at"], fault["until"], top - 2, lanes * LANE + 4, words)
                    self.say(fault["at"], top, words)
                elif fault["fault"] in ("host-killed", "host-stopped", "slow", "broken"):
                    words = {"slow": "slow", "broken": f"breaks {fault.get('lock')}"}.get(fault["fault"], fault["fault"].replace("host-", "all "))
                    kind = "stopped" if fault["fault"] == "host-stopped" else "link"
                    self.bar(kind, fault["at"], fault["until"], top - 2, lanes * LANE + 4, words, opacity=0.45)
                    self.say(fault["at"], top, words)
                    if fault["fault"] == "host-killed":
                        self.arrow(fault["at"], top)

    def arrow(self, at, top):
        self.add(f'<path class="mark" d="M{self.x(at):.1f} {top + LANE:.1f} l-4.5 -8 h9 z"/>')

    def draw_clients(self):
        granted = {grant.client: grant for grant in self.run.grants}
        for client, start in self.run.starts.items():
            end = self.run.ends.get(client, {"at": self.end})["at"]
            if not self.is_seen(start["at"], end):
                continue
            top = self.lanes[client.rsplit(".", 1)[0]]
            colour = COLOURS.get(start["names"][0], "#6e7781")
            grant = granted.get(client)
            until = grant.first if grant else end
            self.add(f'<line class="wait" x1="{self.x(start["at"]):.1f}" x2="{self.x(until):.1f}" y1="{top + LANE / 2}" y2="{top + LANE / 2}" '
                     f'stroke="{colour}"/>')
            if grant and self.is_seen(grant.first, grant.last):
                fence = str(grant.fence or "")[-FENCE_DIGITS:]
                tip = f"{client} {start['kind']}: {' '.join(grant.locks)}, fence {grant.fence}"
                self.bar("held", grant.first, grant.last, top + 1.5, LANE - 3, tip, rx=2, fill=colour)
                slot = f"#{grant.slot}" if grant.slot else ""
                self.inside("fence", grant.first, grant.last, top + LANE - 4.5,
                            ["+".join(start["names"]) + slot + " " + fence, fence + slot, fence, start["names"][0] + slot])

    def draw_processes(self):
        for fault in self.run.faults:
            thread = fault.get("client", "").rsplit(".", 1)[0]
            if fault["fault"] in PROCESS_FAULTS and thread in self.lanes and self.begin <= fault["at"] <= self.end:
                self.arrow(fault["at"], self.lanes[thread] - LANE + 2)
                self.say(fault["at"], self.lanes[thread.partition(".")[0]], PROCESS_FAULTS[fault["fault"]])

    def draw_node(self, node):
        top, state, since = self.lanes[node], "down", self.begin
        spans = collections.defaultdict(list)
        for line in self.run.lines:
            if line["what"] == "node" and line["node"] == node:
                spans[state].append((since, line["at"]))
                restarted = line["state"] == "up" and "empty" in line
                if restarted:
                    spans["young"].append((line["at"], line["at"] + locks.TTL))
                state, since = line["state"], line["at"]
        spans[state].append((since, self.end))
        for kind in ("up", "young", "stopped", "down"):
            for begin, end in spans[kind]:
                if self.is_seen(begin, end) and end > self.begin:
                    self.bar(kind, begin, end, top, NODE, kind)
                    if kind in ("stopped", "down"):
                        self.inside("inverse", begin, end, top + NODE / 2 + 4, [kind])
        for fault in self.run.faults:
            if node in fault.get("nodes", ()) and self.is_seen(fault["at"], fault["until"]):
                words = {"slow": "slow", "clock-back": "clock set back", "clock-forward": "clock set forward"}.get(fault["fault"])
                if words:
                    self.bar("link", fault["at"], fault["until"], top, NODE, words)
                    left = min(self.x(fault["at"]) + 3, self.x(self.end) - len(words) * CHARACTER)
                    self.text("said", left, top + NODE / 2 + 4, words)

    def draw_violations(self):
        seen = [violation for violation in self.violations if self.begin <= violation.at <= self.end]
        for number, violation in enumerate(seen):
            x = self.x(violation.at)
            self.add(f'<line class="bad" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 6}" y2="{self.bottom}"/>')
            for client in violation.details.get("clients", ()):
                top = self.lanes.get(client.rsplit(".", 1)[0])
                if top:
                    self.add(f'<rect class="bad" x="{x - 5:.1f}" y="{top - 1}" width="10" height="{LANE + 2}" rx="3"/>')
            self.text("badly", MARGIN, self.bottom + AXIS + LINE * (number + 1) - 4, f"{violation.at - self.zero:.3f} s: {violation.text}")
        return len(seen)
