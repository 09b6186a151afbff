// Reads and writes the weights of a network: https://huggingface.co/docs/safetensors

/** @typedef {Map<string, { shape: number[], values: Float32Array }>} Tensors */

/**
 * The tensors of a safetensors file by name: half or single precision, or 8 bits with a scale for each output channel.
 * @param {ArrayBuffer} file @returns {Tensors}
 */
export function read(file) {
  const start = 8 + Number(new DataView(file).getBigUint64(0, true));
  /** @type {Record<string, { dtype: string, shape: number[], data_offsets: [number, number] }>} */
  const { __metadata__, ...header } = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, start - 8)));
  const values = (/** @type {string} */ name) => {
    const { dtype, data_offsets: [from, to] } = header[name];
    return decode(dtype, file.slice(start + from, start + to));
  };
  const isPacked = (/** @type {string | undefined} */ name) => name !== undefined && header[name]?.dtype === 'I8';
  const names = Object.keys(header).filter((name) => !isPacked(/(.*)\.scale$/.exec(name)?.[1]));
  return new Map(names.map((name) => {
    const { shape } = header[name];
    return [name, { shape, values: isPacked(name) ? scaled(values(name), values(`${name}.scale`), shape) : values(name) }];
  }));
}

/** Multiplies by the scale of each output channel: the last axis of a matrix, the first of a kernel. @param {Float32Array} values @param {Float32Array} scales @param {number[]} shape */
function scaled(values, scales, shape) {
  const apart = shape.length === 2 ? 1 : values.length / shape[0];
  return values.map((value, index) => value * scales[Math.floor(index / apart) % scales.length]);
}

/** The tensors as a safetensors file in single precision. @param {Tensors} tensors */
export function write(tensors) {
  let end = 0;
  const entries = [...tensors].map(([name, { shape, values }]) => [name, { dtype: 'F32', shape, data_offsets: [end, end += values.byteLength] }]);
  const text = JSON.stringify(Object.fromEntries(entries));
  const header = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const file = new Uint8Array(8 + header.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  let start = 8 + header.length;
  for (const { values } of tensors.values()) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start);
    start += values.byteLength;
  }
  return file;
}

/** @param {string} dtype @param {ArrayBuffer} bytes */
function decode(dtype, bytes) {
  switch (dtype) {
    case 'F16': return Float32Array.from(new Uint16Array(bytes), fromHalf);
    case 'F32': return new Float32Array(bytes);
    case 'I8': return Float32Array.from(new Int8Array(bytes));
    default: throw new Error(`a tensor of ${dtype}: expected F16, F32 or I8`);
  }
}

/** The number with these 16 bits in half precision. @param {number} bits */
function fromHalf(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}
