/** A page of the example site as text; `[Io](/moons/io)` is a link. */
export interface Entry {
  readonly path: string;
  readonly title: string;
  /** Distance from the Sun in astronomical units: distant pages respond more slowly. */
  readonly distance: number;
  readonly text: string;
  /** Further sections, each with a heading that links can refer to. */
  readonly sections?: Readonly<Record<string, string>>;
}

export const entries: readonly Entry[] = [
  {
    path: "/",
    title: "The solar system",
    distance: 1,
    text: "Eight planets go round [the Sun](/sun): [Mercury](/mercury), [Venus](/venus), [Earth](/earth), [Mars](/mars), [Jupiter](/jupiter), [Saturn](/saturn), [Uranus](/uranus) and [Neptune](/neptune). [Pluto](/pluto) was the ninth until 2006.",
  },
  {
    path: "/sun",
    title: "The Sun",
    distance: 0,
    text: "It has 99.86 % of the mass of [everything here](/). Its light takes 8 minutes and 19 seconds to [Earth](/earth).",
  },
  {
    path: "/mercury",
    title: "Mercury",
    distance: 0.39,
    text: "A year lasts 88 days. Its orbit turns a little more than Newton's laws allow, so that Urbain Le Verrier looked for a planet [Vulcan](/vulcan) between it and [the Sun](/sun). Einstein's theory needs none.",
  },
  {
    path: "/venus",
    title: "Venus",
    distance: 0.72,
    text: "The hottest of all planets, at 464 °C. It turns backwards, and so slowly that a day is longer than its year. Seen from [Earth](../earth) it has phases, as [Galileo](/people/galileo) found.",
  },
  {
    path: "/earth",
    title: "Earth",
    distance: 1,
    text: "The one with oceans. Back to [the list](/).",
    sections: {
      moons: "[The Moon](/luna) is a quarter as wide as Earth.",
      radar:
        "The telescope of [Arecibo](http://arecibo.observatory/) measured how [Mercury](/mercury) turns, and fell down in 2020.",
    },
  },
  {
    path: "/mars",
    title: "Mars",
    distance: 1.52,
    text: "Olympus Mons is 22 km high. It has the smallest of [all moons that planets have](/earth#moons).",
    sections: { moons: "[Phobos](/moons/phobos) and [Deimos](/moons/deimos)." },
  },
  {
    path: "/jupiter",
    title: "Jupiter",
    distance: 5.2,
    text: "More than twice as heavy as all other planets together. [Pioneer 10](/probes/pioneer-10) was the first to pass it, in 1973.",
    sections: {
      moons:
        "The four that [Galileo](/people/galileo) saw: [Io](/moons/io), [Europa](/moons/europa), [Ganymede](/moons/ganymede) and [Callisto](/moons/callisto).",
    },
  },
  {
    path: "/saturn",
    title: "Saturn",
    distance: 9.58,
    text: "It would float on water. [Galileo](/people/galileo) took its rings for ears.",
    sections: {
      rings: "Nearly all ice, and in most places ten metres thick.",
      moons: "[Titan](/moons/titan) has air.",
    },
  },
  {
    path: "/uranus",
    title: "Uranus",
    distance: 19.2,
    text: "It lies on its side. [William Herschel](/people/herschel) took it for a comet. Its rings are darker than [those of Saturn](/saturn#rings).",
    sections: { moons: "[Titania](/moons/titania) is the largest." },
  },
  {
    path: "/neptune",
    title: "Neptune",
    distance: 30,
    text: "Found in 1846 where Urbain Le Verrier had calculated that it must be. It has rings as [Uranus](/uranus#rings) does. Whether there is a [Planet Nine](/planet-nine) beyond it nobody knows.",
    sections: { moons: "[Triton](/moons/triton) goes round it backwards." },
  },
  {
    path: "/dwarf-planets/pluto",
    title: "Pluto",
    distance: 39.5,
    text: "Smaller than [the Moon](/moons/moon), and with a heart. Found by [Clyde Tombaugh](/people/tombaugh).",
    sections: { moons: "[Charon](/moons/charon) is half as wide as Pluto." },
  },
  {
    path: "/moons/moon",
    title: "The Moon",
    distance: 1,
    text: "It moves away from [Earth](/earth), 38 mm a year.",
  },
  { path: "/moons/phobos", title: "Phobos", distance: 1.52, text: "It goes round [Mars](/mars) three times a day." },
  { path: "/moons/deimos", title: "Deimos", distance: 1.52, text: "12 km wide, and the outer one of [Mars](/mars)." },
  { path: "/moons/io", title: "Io", distance: 5.2, text: "400 volcanoes, heated by the tides of [Jupiter](/jupiter)." },
  {
    path: "/moons/europa",
    title: "Europa",
    distance: 5.2,
    text: "Under its ice there is more water than on [Earth](/earth).",
  },
  { path: "/moons/ganymede", title: "Ganymede", distance: 5.2, text: "Larger than [Mercury](/mercury#top)." },
  {
    path: "/moons/callisto",
    title: "Callisto",
    distance: 5.2,
    text: "Nothing has more craters. Back to [Jupiter](/jupiter).",
  },
  {
    path: "/moons/titan",
    title: "Titan",
    distance: 9.58,
    text: "It rains methane. Found by [Christiaan Huygens](/people/huygens).",
  },
  {
    path: "/moons/titania",
    title: "Titania",
    distance: 19.2,
    text: "Named after a queen of Shakespeare's, and found by [William Herschel](/people/herschel).",
  },
  {
    path: "/moons/triton",
    title: "Triton",
    distance: 30,
    text: "It has geysers of nitrogen. Back to [Neptune](/neptune).",
  },
  {
    path: "/moons/charon",
    title: "Charon",
    distance: 39.5,
    text: "Found in 1978 by [James Christy](/people/christy), as a bump on [Pluto](/pluto).",
  },
  {
    path: "/people/galileo",
    title: "Galileo Galilei",
    distance: 1,
    text: "In January 1610 he saw four moons of [Jupiter](/jupiter#moons).",
  },
  {
    path: "/people/herschel",
    title: "William Herschel",
    distance: 1,
    text: "An organist, who found [Uranus](/uranus) from his garden in 1781.",
  },
  {
    path: "/people/huygens",
    title: "Christiaan Huygens",
    distance: 1,
    text: "He built the first pendulum clock, and said what the ears of [Saturn](/saturn#rings) are.",
  },
  {
    path: "/people/tombaugh",
    title: "Clyde Tombaugh",
    distance: 1,
    text: "He compared photographs for a year until a point had moved, in 1930.",
  },
  {
    path: "/people/christy",
    title: "James Christy",
    distance: 1,
    text: "He found the moon of [Pluto](/dwarf-planets/pluto) on a photograph that was to be thrown away.",
  },
];

/** Redirects. */
export const moved: Readonly<Record<string, string>> = {
  "/pluto": "/dwarf-planets/pluto",
  "/luna": "/moons/moon",
};

/** Busy at the first request: 503 with `Retry-After`. */
export const busyAtFirst: ReadonlySet<string> = new Set(["/moons/europa", "/moons/titan"]);

/** Never respond. */
export const silent: ReadonlySet<string> = new Set(["/probes/pioneer-10"]);
