"use strict";
/* One frame number is the state; player, curves, thumbnails and words follow it. Every embedded clip
   shows frame k from k / rate on, so seeking goes to the middle of a frame. */
(() => {
  const { clips, curves, worst } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const player = byId("player"), seekBar = byId("seek"), playButton = byId("play");
  const now = byId("now"), viewChoice = byId("view"), splitBar = byId("split");
  const canvas = player.querySelector("canvas");
  const videos = [...player.querySelectorAll("video")];
  const areas = [...document.querySelectorAll(".area")];
  const readings = [...document.querySelectorAll(".reading")];
  const moments = [...document.querySelectorAll(".moment")];
  const halves = [player.querySelector(".at-left"), player.querySelector(".at-right")];
  const frames = clips.reduce((sum, clip) => sum + clip.frames, 0);
  const views = [...viewChoice.options].map((option) => option.value);
  let current = 0, frame = 0, wanted = null, playing = false;

  document.documentElement.classList.add("live");
  // Some browsers play a clip from memory, but not from an address that holds its data.
  for (const video of videos) {
    const [kind, data] = video.getAttribute("src").slice("data:".length).split(";base64,");
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    video.src = URL.createObjectURL(new Blob([bytes], { type: kind }));
    video.controls = false;
  }

  const clipOf = (at) => {
    let number = clips.length - 1;
    while (number > 0 && clips[number].first > at) number--;
    return number;
  };
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const clock = (seconds) => {
    const hundredths = Math.floor(100 * seconds + 0.5);
    const pad = (value) => String(value).padStart(2, "0");
    const whole = Math.floor(hundredths / 100);
    return `${Math.floor(whole / 60)}:${pad(whole % 60)}.${pad(hundredths % 100)}`;
  };

  function describe() {
    const clip = clips[current];
    const time = clock((frame - clip.first) / clip.rate);
    const named = clips.length > 1 ? `, ${clip.name}` : "";
    return `Frame ${frame} of ${frames - 1}, ${time}${named}`;
  }

  /* Everything but the pictures. */
  function tell() {
    const words = describe();
    const reasons = worst.filter((each) => each.frame === frame).map((each) => each.reason);
    // While it plays, a screen reader would never stop talking.
    now.setAttribute("aria-live", playing ? "off" : "polite");
    now.textContent = words + (reasons.length ? ": " : "");
    if (reasons.length) {
      const strong = document.createElement("b");
      strong.textContent = reasons.join("; ");
      now.append(strong);
    }
    seekBar.value = frame;
    seekBar.setAttribute("aria-valuetext", words);
    player.dataset.frame = frame;
    const place = `${(100 * (frame + 0.5)) / frames}%`;
    for (const area of areas) area.querySelector(".cursor").style.left = place;
    readings.forEach((reading, number) => {
      const { values, footage, digits } = curves[number];
      const text = (value) => (value == null ? "none" : value.toFixed(digits));
      reading.textContent =
        text(values[frame]) + (footage.length ? ` (footage ${text(footage[frame])})` : "");
    });
    for (const moment of moments) {
      if (Number(moment.dataset.frame) === frame) moment.setAttribute("aria-current", "true");
      else moment.removeAttribute("aria-current");
    }
    playButton.textContent = playing ? "Pause" : "Play";
  }

  /* The canvas shows halves of the clip's picture; side by side needs none. */
  function draw() {
    const view = viewChoice.value, video = videos[current];
    if (view === "both" || video.readyState < 2) return;
    const { width, height } = clips[current];
    const context = canvas.getContext("2d");
    const half = (left) => {
      context.drawImage(video, left, 0, width, height, 0, 0, width, height);
    };
    half(view === "footage" ? 0 : width);
    if (view !== "split") return;
    context.save();
    context.beginPath();
    context.rect(0, 0, (width * splitBar.value) / 100, height);
    context.clip();
    half(0);
    context.restore();
  }

  function layOut() {
    const view = viewChoice.value, both = view === "both";
    player.dataset.view = view;
    canvas.hidden = both;
    splitBar.hidden = view !== "split";
    const { width, height } = clips[current];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    videos.forEach((video, number) => {
      video.parentElement.hidden = number !== current;
      // Kept in the page while the canvas shows it: a hidden clip need not be decoded.
      video.parentElement.style.cssText = both ? "" : "position:absolute;opacity:0;width:1px";
    });
    draw();
  }

  function show(number) {
    if (number === current) return;
    videos[current].pause();
    current = number;
    layOut();
  }

  /* Seeks that come while another is under way wait; only the last of them is done. */
  function seekPicture() {
    const clip = clips[current], video = videos[current];
    if (video.seeking || video.readyState < 1) { wanted = frame; return; }
    wanted = null;
    video.currentTime = (frame - clip.first + 0.5) / clip.rate;
  }

  function go(to) {
    pause();
    frame = clamp(Math.round(to), 0, frames - 1);
    show(clipOf(frame));
    seekPicture();
    tell();
  }

  function pause() {
    if (!playing) return;
    playing = false;
    videos[current].pause();
    seekPicture(); // The picture may be one ahead of what was last told.
    tell();
  }

  function play() {
    const last = clips[current].first + clips[current].frames - 1;
    if (frame === frames - 1) go(0);
    else if (frame === last) go(frame + 1);
    playing = true;
    const video = videos[current];
    video.playbackRate = Number(byId("speed").value);
    video.play().catch(() => { playing = false; tell(); });
    tell();
  }

  function follow(video, seconds) {
    if (!playing || video !== videos[current]) return;
    const clip = clips[current];
    frame = clip.first + clamp(seconds, 0, clip.frames - 1);
    tell();
  }

  videos.forEach((video, number) => {
    const { rate } = clips[number];
    const exact = "requestVideoFrameCallback" in video;
    const shown = (_, picture) => {
      follow(video, Math.round(picture.mediaTime * rate));
      if (video === videos[current]) draw();
      video.requestVideoFrameCallback(shown);
    };
    if (exact) video.requestVideoFrameCallback(shown);
    video.addEventListener("timeupdate", () => {
      if (!exact) { follow(video, Math.floor(video.currentTime * rate + 0.01)); draw(); }
    });
    video.addEventListener("seeked", () => {
      if (video !== videos[current]) return;
      if (wanted !== null) seekPicture();
      else draw();
    });
    video.addEventListener("loadeddata", () => {
      if (video === videos[current] && wanted !== null) seekPicture();
    });
    video.addEventListener("ended", () => {
      if (!playing || video !== videos[current]) return;
      frame = clips[number].first + clips[number].frames - 1;
      playing = false;
      if (frame < frames - 1) play();
      else tell();
    });
  });

  const focused = () => player.focus({ preventScroll: true });
  const nextWorst = () => {
    if (!worst.length) return;
    const at = worst.findIndex((each) => each.frame === frame);
    go(worst[(at + 1) % worst.length].frame);
  };
  const nextView = () => {
    viewChoice.value = views[(views.indexOf(viewChoice.value) + 1) % views.length];
    layOut();
  };

  playButton.addEventListener("click", () => (playing ? pause() : play()));
  byId("back").addEventListener("click", () => go(frame - 1));
  byId("on").addEventListener("click", () => go(frame + 1));
  byId("next-worst")?.addEventListener("click", nextWorst);
  byId("speed").addEventListener("change", (event) => {
    videos[current].playbackRate = Number(event.target.value);
  });
  viewChoice.addEventListener("change", layOut);
  splitBar.addEventListener("input", () => {
    splitBar.setAttribute("aria-valuetext", `${splitBar.value} percent`);
    draw();
  });
  seekBar.addEventListener("input", () => go(seekBar.valueAsNumber));
  for (const area of areas) {
    const seek = (event) => {
      const box = area.getBoundingClientRect();
      go(clamp(Math.floor(((event.clientX - box.left) / box.width) * frames), 0, frames - 1));
    };
    area.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse") return;
      event.preventDefault();
      area.setPointerCapture(event.pointerId);
      seek(event);
      focused();
    });
    area.addEventListener("pointermove", (event) => {
      if (area.hasPointerCapture(event.pointerId) && event.buttons) seek(event);
    });
    // A finger that scrolls the page is no seek; one that taps is.
    area.addEventListener("click", (event) => { seek(event); focused(); });
  }
  for (const place of document.querySelectorAll("[data-frame]:not(#player)")) {
    place.addEventListener("click", () => {
      go(Number(place.dataset.frame));
      const box = player.getBoundingClientRect();
      if (box.top < 0 || box.bottom > innerHeight) player.scrollIntoView({ block: "nearest" });
      focused();
    });
  }

  player.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const on = event.target;
    const typed = on.tagName === "SELECT" || on === splitBar;
    const step = event.shiftKey ? 10 : 1;
    const actions = {
      ArrowLeft: () => go(frame - step), ArrowRight: () => go(frame + step),
      Home: () => go(0), End: () => go(frames - 1),
      " ": () => (playing ? pause() : play()), v: nextView, w: nextWorst,
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || typed || (event.key === " " && on.tagName === "BUTTON")) return;
    event.preventDefault();
    action();
  });
  player.tabIndex = 0;

  // On paper nothing opens: what was closed is opened to print, and closed again.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });

  layOut();
  go(0);
})();
