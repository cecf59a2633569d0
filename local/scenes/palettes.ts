/**
 * The looks a background can have: colours of sky, ground, walls and leaves, and what stands on the horizon.
 * Invariant: the palettes in `heldOutBackdrops` are never shown to the detector in training; they are what its accuracy
 * is measured on.
 */
import type { Rgb } from './solid.ts';

export const trainingBackdrops = ['terrace', 'suburb', 'office', 'park', 'industrial', 'hills'] as const;
export const heldOutBackdrops = ['harbour', 'winter'] as const;
export type Backdrop = (typeof trainingBackdrops)[number] | (typeof heldOutBackdrops)[number];
export const backdrops: readonly Backdrop[] = [...trainingBackdrops, ...heldOutBackdrops];

export type Palette = {
  skyTop: Rgb;
  skyLow: Rgb;
  horizon: 'hills' | 'skyline' | 'trees' | 'water';
  horizonColor: Rgb;
  asphalt: Rgb;
  pavement: Rgb;
  kerb: Rgb;
  verge: Rgb;
  yard: Rgb;
  cycleway: Rgb;
  marking: Rgb;
  walls: readonly Rgb[];
  roof: Rgb;
  window: Rgb;
  leaves: readonly Rgb[];
  buildings: 'rows' | 'houses' | 'towers' | 'sheds' | 'containers' | 'none';
  treesPer100Meters: number;
};

export const palettes: Readonly<Record<Backdrop, Palette>> = {
  terrace: {
    skyTop: [112, 156, 206],
    skyLow: [206, 222, 236],
    horizon: 'skyline',
    horizonColor: [150, 160, 172],
    asphalt: [82, 84, 88],
    pavement: [158, 154, 148],
    kerb: [186, 184, 180],
    verge: [92, 122, 66],
    yard: [128, 126, 122],
    cycleway: [132, 74, 62],
    marking: [226, 226, 222],
    walls: [
      [150, 82, 64],
      [168, 104, 78],
      [186, 150, 118],
      [122, 68, 56],
      [198, 186, 164],
    ],
    roof: [74, 66, 66],
    window: [72, 86, 98],
    leaves: [
      [62, 96, 46],
      [84, 114, 52],
    ],
    buildings: 'rows',
    treesPer100Meters: 3,
  },
  suburb: {
    skyTop: [86, 146, 214],
    skyLow: [214, 230, 242],
    horizon: 'trees',
    horizonColor: [92, 118, 84],
    asphalt: [104, 102, 100],
    pavement: [186, 180, 168],
    kerb: [204, 202, 196],
    verge: [112, 146, 70],
    yard: [150, 146, 138],
    cycleway: [96, 100, 104],
    marking: [236, 232, 210],
    walls: [
      [226, 214, 190],
      [206, 196, 180],
      [176, 192, 200],
      [222, 222, 216],
      [194, 168, 140],
    ],
    roof: [126, 70, 54],
    window: [84, 104, 120],
    leaves: [
      [74, 118, 50],
      [104, 140, 60],
      [56, 94, 46],
    ],
    buildings: 'houses',
    treesPer100Meters: 9,
  },
  office: {
    skyTop: [150, 168, 186],
    skyLow: [220, 224, 226],
    horizon: 'skyline',
    horizonColor: [136, 146, 158],
    asphalt: [68, 70, 76],
    pavement: [172, 174, 176],
    kerb: [200, 200, 198],
    verge: [84, 116, 76],
    yard: [140, 142, 144],
    cycleway: [62, 100, 84],
    marking: [240, 240, 236],
    walls: [
      [124, 146, 160],
      [92, 110, 124],
      [180, 184, 186],
      [150, 140, 128],
      [70, 84, 98],
    ],
    roof: [90, 92, 96],
    window: [60, 84, 106],
    leaves: [
      [70, 104, 60],
      [92, 120, 66],
    ],
    buildings: 'towers',
    treesPer100Meters: 4,
  },
  park: {
    skyTop: [130, 170, 210],
    skyLow: [226, 232, 226],
    horizon: 'trees',
    horizonColor: [70, 98, 62],
    asphalt: [94, 94, 92],
    pavement: [196, 180, 148],
    kerb: [176, 172, 164],
    verge: [88, 132, 60],
    yard: [164, 152, 128],
    cycleway: [150, 110, 84],
    marking: [222, 222, 214],
    walls: [
      [164, 142, 112],
      [130, 120, 104],
    ],
    roof: [90, 70, 54],
    window: [70, 80, 84],
    leaves: [
      [54, 92, 42],
      [78, 116, 48],
      [106, 134, 56],
      [132, 124, 50],
    ],
    buildings: 'none',
    treesPer100Meters: 22,
  },
  industrial: {
    skyTop: [164, 160, 158],
    skyLow: [214, 206, 196],
    horizon: 'skyline',
    horizonColor: [140, 134, 130],
    asphalt: [98, 92, 86],
    pavement: [150, 142, 130],
    kerb: [170, 166, 158],
    verge: [122, 118, 76],
    yard: [144, 138, 128],
    cycleway: [110, 104, 100],
    marking: [228, 206, 120],
    walls: [
      [144, 150, 152],
      [110, 126, 140],
      [166, 134, 110],
      [190, 186, 176],
      [96, 104, 100],
    ],
    roof: [112, 112, 112],
    window: [92, 100, 104],
    leaves: [[92, 104, 56]],
    buildings: 'sheds',
    treesPer100Meters: 2,
  },
  hills: {
    skyTop: [78, 132, 198],
    skyLow: [236, 216, 186],
    horizon: 'hills',
    horizonColor: [124, 132, 126],
    asphalt: [112, 108, 104],
    pavement: [176, 166, 148],
    kerb: [190, 184, 174],
    verge: [142, 138, 76],
    yard: [168, 160, 144],
    cycleway: [126, 116, 104],
    marking: [238, 236, 228],
    walls: [
      [230, 222, 206],
      [208, 190, 160],
    ],
    roof: [150, 84, 58],
    window: [70, 80, 92],
    leaves: [
      [96, 112, 56],
      [118, 120, 64],
    ],
    buildings: 'houses',
    treesPer100Meters: 6,
  },
  harbour: {
    skyTop: [104, 162, 178],
    skyLow: [226, 226, 208],
    horizon: 'water',
    horizonColor: [86, 132, 146],
    asphalt: [88, 94, 98],
    pavement: [190, 184, 160],
    kerb: [160, 166, 166],
    verge: [158, 150, 112],
    yard: [156, 156, 146],
    cycleway: [84, 112, 128],
    marking: [244, 228, 150],
    walls: [
      [176, 74, 52],
      [46, 96, 132],
      [206, 160, 66],
      [70, 120, 92],
      [140, 146, 150],
    ],
    roof: [88, 96, 100],
    window: [96, 116, 124],
    leaves: [
      [96, 124, 84],
      [70, 108, 84],
    ],
    buildings: 'containers',
    treesPer100Meters: 2,
  },
  winter: {
    skyTop: [176, 186, 200],
    skyLow: [232, 232, 236],
    horizon: 'hills',
    horizonColor: [186, 192, 204],
    asphalt: [116, 120, 126],
    pavement: [206, 210, 216],
    kerb: [180, 184, 190],
    verge: [226, 230, 236],
    yard: [188, 192, 198],
    cycleway: [150, 154, 162],
    marking: [244, 244, 246],
    walls: [
      [196, 160, 120],
      [150, 170, 160],
      [206, 186, 150],
      [170, 120, 110],
      [140, 150, 176],
    ],
    roof: [226, 230, 236],
    window: [90, 92, 104],
    leaves: [
      [112, 106, 100],
      [150, 156, 160],
      [84, 96, 92],
    ],
    buildings: 'rows',
    treesPer100Meters: 8,
  },
};
