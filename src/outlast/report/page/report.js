"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  for (const each of document.querySelectorAll("details.behind")) each.open = false;
  const data = JSON.parse(document.getElementById("data").textContent);
  if (!data.times.length || typeof uPlot === "undefined") return;

  const near = document.getElementById("near");
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const two = (value) => String(value).padStart(2, "0");
  const at = (seconds) => {
    const when = new Date(seconds * 1000);
    const day = `${when.getUTCFullYear()}-${two(when.getUTCMonth() + 1)}-${two(when.getUTCDate())}`;
    return { day, clock: `${two(when.getUTCHours())}:${two(when.getUTCMinutes())}`, second: two(when.getUTCSeconds()) };
  };
  const moment = (seconds) => {
    const { day, clock, second } = at(seconds);
    return `${day} ${clock}${data.step < 60 ? `:${second}` : ""}`;
  };
  const ticks = (plot, splits, _axis, _space, step) =>
    splits.map((each) => {
      const { day, clock, second } = at(each);
      return clock === "00:00" && step >= 60 ? day.slice(5) : step < 60 ? `${clock}:${second}` : step >= 86400 ? day.slice(5) : clock;
    });
  const increments = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
  const number = (value, digits = 0) =>
    value == null ? "–" : value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : digits }).replaceAll(",", "\u202f");
  const short = (value) =>
    value >= 1e6 ? `${+(value / 1e6).toFixed(1)}M` : value >= 1e4 ? `${+(value / 1e3).toFixed(1)}k` : number(value);
  const mebibytes = (values) => values.map((each) => (each == null ? null : each / 1048576));

  const shapes = Object.fromEntries(
    Object.entries(data.shapes).map(([kind, shape]) => [kind, { ...shape, path: new Path2D(shape.path) }]),
  );

  function shade(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("shade");
    for (const [start, end] of data.down) {
      const left = plot.valToPos(start, "x", true);
      ctx.fillRect(left, bbox.top, Math.max(1, plot.valToPos(end, "x", true) - left), bbox.height);
    }
    ctx.restore();
  }

  function mark(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    const { min, max } = plot.scales.x;
    for (const [time, kind] of data.marks) {
      if (time < min || time > max) continue;
      const shape = shapes[kind];
      const x = Math.round(plot.valToPos(time, "x", true));
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = colour(shape.colour);
      ctx.lineWidth = ratio;
      if (kind === "checkpoint") {
        ctx.globalAlpha = 0.7;
        ctx.fillRect(x, bbox.top + bbox.height - 7 * ratio, ratio, 7 * ratio);
        ctx.restore();
        continue;
      }
      if (shape.line !== "none") {
        ctx.setLineDash(shape.line === "dashed" ? [2 * ratio, 3 * ratio] : []);
        ctx.globalAlpha = 0.75;
        ctx.beginPath();
        ctx.moveTo(x + 0.5, bbox.top);
        ctx.lineTo(x + 0.5, bbox.top + bbox.height);
        ctx.stroke();
        ctx.setLineDash([]);
        ctx.globalAlpha = 1;
      }
      ctx.translate(x - 5 * ratio, bbox.top - 13 * ratio);
      ctx.scale(ratio, ratio);
      ctx.lineWidth = 1.8;
      if (shape.hollow) ctx.stroke(shape.path);
      else ctx.fill(shape.path);
      ctx.restore();
    }
  }

  function tell(plot) {
    const left = plot.cursor.left;
    if (left == null || left < 0) return;
    const close = data.marks
      .filter(([, kind]) => kind !== "checkpoint")
      .map((each) => [Math.abs(plot.valToPos(each[0], "x") - left), each])
      .filter(([distance]) => distance < 9)
      .sort((one, other) => one[0] - other[0])
      .slice(0, 2);
    near.textContent = close.map(([, [time, kind, text]]) => `${moment(time)} ${shapes[kind].word}: ${text}`).join(" · ");
  }

  const plots = [];
  function zoomed(plot, key) {
    if (key !== "x") return;
    const { min, max } = plot.scales.x;
    for (const other of plots) {
      const { min: least, max: most } = other.scales.x;
      if (other !== plot && (least !== min || most !== max)) other.setScale("x", { min, max });
    }
  }

  const axis = (more = {}) => ({
    stroke: colour("soft"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1, size: 4 },
    font: "12px system-ui, sans-serif",
    ...more,
  });
  const series = (label, name, more = {}) => ({
    label, stroke: colour(name), width: 1.6, spanGaps: false, points: { size: 4 }, value: (_, value) => number(value), ...more,
  });
  const lonely = data.times.length < 4;

  const pictures = {
    "chart-rates": () => ({
      values: [data.rates.finished, data.rates.retried, data.rates.given_up],
      series: [
        series("finished/min", "blue"),
        series("retried/min", "amber", { dash: [6, 3] }),
        series("given up/min", "red", { fill: colour("fill-red") }),
      ],
      least: 1,
    }),
    "chart-memory": () => {
      const limited = data.limit.some((each) => each != null);
      const browsers = data.browser.some((each) => each);
      return {
        values: [mebibytes(data.memory), ...(browsers ? [mebibytes(data.browser)] : []), ...(limited ? [mebibytes(data.limit)] : [])],
        series: [
          series("in all, MiB", "green", { fill: colour("fill-green"), spanGaps: false }),
          ...(browsers ? [series("browsers, MiB", "blue", { dash: [6, 3] })] : []),
          ...(limited ? [series("limit, MiB", "purple", { dash: [2, 3], points: { show: false } })] : []),
        ],
        least: 16,
      };
    },
    "chart-progress": () => ({
      values: [data.done, data.total],
      series: [
        series("finished", "blue", { fill: colour("fill-blue"), spanGaps: true }),
        series("known", "soft", { dash: [5, 4], spanGaps: true }),
      ],
      least: 1,
    }),
  };

  function draw() {
    for (const plot of plots.splice(0)) plot.destroy();
    for (const [id, picture] of Object.entries(pictures)) {
      const place = document.getElementById(id);
      if (!place) continue;
      const { values, series: lines, least } = picture();
      if (lonely) for (const line of lines) line.points = { show: true, size: 5 };
      const width = root.classList.contains("printing") ? Math.min(place.clientWidth, 660) : place.clientWidth;
      const options = {
        width,
        height: width < 520 ? 190 : 230,
        padding: [18, 30, 0, 0],
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
        cursor: { sync: { key: "outlast" }, y: false, drag: { x: true, y: false } },
        legend: { live: true },
        scales: { x: { time: true }, y: { range: (_, _min, max) => [0, Math.max(least, (max || 0) * 1.06)] } },
        axes: [axis({ values: ticks, space: 64, incrs: increments, size: 32 }), axis({ values: (_, splits) => splits.map(short), size: 58 })],
        series: [{ label: "UTC", value: (_, value) => (value == null ? "–" : moment(value)) }, ...lines],
        hooks: { drawClear: [shade], draw: [mark], setCursor: [tell], setScale: [zoomed] },
      };
      plots.push(new uPlot(options, [data.times, ...values], place));
    }
  }

  let waiting = 0;
  const again = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(draw);
  };
  draw();
  let before = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== before) again();
    before = innerWidth;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    draw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    draw();
  });
})();
