// A directory to look at: pictures, texts and one large file, the same every time.
//
//   node sample.mjs DIR

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';

/** Fills `folder` with the sample. */
export function sample(folder, { pictures = 24, largeBytes = 24_000_000 } = {}) {
  for (const name of ['pictures', 'texts/short', 'recording']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  for (let index = 0; index < pictures; index += 1) {
    const name = `${String(index + 1).padStart(2, '0')}.png`;
    writeFileSync(join(folder, 'pictures', name), picture(480, 320, index));
  }
  const lines = Array.from({ length: 400 }, (_, line) => `${line + 1}  ${'sealed from end to end '.repeat(3)}`);
  writeFileSync(join(folder, 'texts', 'lines.txt'), lines.join('\n'));
  writeFileSync(join(folder, 'texts', 'empty.txt'), '');
  for (let index = 0; index < 12; index += 1) {
    const text = `Note ${index + 1}\n\nEach file has a stream of its own.\n`;
    writeFileSync(join(folder, 'texts', 'short', `note ${index + 1}.txt`), text);
  }
  writeFileSync(join(folder, 'recording', 'noise.bin'), noise(largeBytes));
}

/** Bytes that do not compress, from a fixed seed. */
function noise(length) {
  const bytes = Buffer.alloc(length);
  let state = 0x9e3779b9;
  for (let at = 0; at + 4 <= length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state, at);
  }
  return bytes;
}

/** A PNG: waves of colour, with grain so that it has some weight. */
function picture(width, height, seed) {
  const grain = noise(width * height);
  const rows = Buffer.alloc((width * 3 + 1) * height);
  const [a, b, c] = [1 + seed % 5, 2 + seed % 7, seed * 0.7];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [u, v] = [x / width - 0.5, y / height - 0.5];
      const radius = Math.hypot(u, v * 0.7);
      const wave = Math.sin(a * 6 * u + c) + Math.cos(b * 5 * v - c) + Math.sin(18 * radius - c);
      const at = y * (width * 3 + 1) + 1 + x * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        const level = 128 + 80 * Math.sin(wave + seed * 0.45 + channel * 1.9);
        rows[at + channel] = Math.max(0, Math.min(255, level + (grain[y * width + x] & 15)));
      }
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level: 1 })), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([signature, ...parts]);
}

function chunk(kind, body) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const named = Buffer.concat([Buffer.from(kind, 'latin1'), body]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) sample(process.argv[2] ?? 'sample');
