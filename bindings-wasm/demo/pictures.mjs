// Pictures made here: landscapes by a seed, painted and compressed by the browser.

export const COUNT = 96;
const [WIDTH, HEIGHT] = [640, 480];

/** Paints picture `number`; resolves with the bytes of a JPEG of about 50 KB. */
export async function paint(number) {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d');
  const next = random(number + 1);
  sky(context, next);
  for (let layer = 0; layer < 5; layer += 1) hills(context, next, layer);
  grain(context, next);
  label(context, number);
  const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.82 });
  return new Uint8Array(await blob.arrayBuffer());
}

function sky(context, next) {
  const hue = next() * 360;
  const fill = context.createLinearGradient(0, 0, 0, HEIGHT);
  fill.addColorStop(0, `hsl(${hue} 55% ${25 + next() * 25}%)`);
  fill.addColorStop(1, `hsl(${hue + 40 + next() * 40} 75% 75%)`);
  context.fillStyle = fill;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const [x, y, radius] = [next() * WIDTH, HEIGHT * (0.15 + next() * 0.35), 20 + next() * 45];
  const glow = context.createRadialGradient(x, y, 0, x, y, radius * 5);
  glow.addColorStop(0, 'rgb(255 250 220 / 0.9)');
  glow.addColorStop(0.2, 'rgb(255 245 210 / 0.6)');
  glow.addColorStop(1, 'rgb(255 240 200 / 0)');
  context.fillStyle = glow;
  context.fillRect(0, 0, WIDTH, HEIGHT);
}

function hills(context, next, layer) {
  const base = HEIGHT * (0.45 + layer * 0.11);
  const waves = Array.from({ length: 5 }, (_, at) => ({
    height: (60 - layer * 6) * next() / (at + 1), length: 60 + next() * 240 / (at + 1), shift: next() * 9,
  }));
  context.fillStyle = `hsl(${150 + next() * 110} ${25 + layer * 6}% ${52 - layer * 9}%)`;
  context.beginPath();
  context.moveTo(0, HEIGHT);
  for (let x = 0; x <= WIDTH; x += 4) {
    const rise = waves.reduce(
      (sum, { height, length, shift }) => sum + height * Math.sin(x / length + shift), 0,
    );
    context.lineTo(x, base - rise);
  }
  context.lineTo(WIDTH, HEIGHT);
  context.fill();
}

/** As of a film: it gives the picture its weight in bytes, too. */
function grain(context, next) {
  const image = context.getImageData(0, 0, WIDTH, HEIGHT);
  for (let at = 0; at < image.data.length; at += 4) {
    const shade = (next() - 0.5) * 26;
    for (let part = 0; part < 3; part += 1) image.data[at + part] += shade;
  }
  context.putImageData(image, 0, 0);
}

function label(context, number) {
  context.font = '600 44px system-ui, "DejaVu Sans", sans-serif';
  context.fillStyle = 'rgb(255 255 255 / 0.85)';
  context.textAlign = 'right';
  context.fillText(String(number + 1), WIDTH - 22, HEIGHT - 22);
}

function random(seed) {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
