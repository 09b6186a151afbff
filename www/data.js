// Figures as files for other programs: the same rows as CSV and as JSON.

/** @typedef {Record<string, string | number | boolean | null | undefined>} Row by the names of its columns */

/** A value for both formats: infinity becomes `inf`, since JSON has no such number, and NaN becomes null. @param {Row[string]} value */
const plain = (value) => (typeof value === 'number' && !Number.isFinite(value) ? (Number.isNaN(value) ? null : 'inf') : (value ?? null));

/** @param {Row[string]} value */
function cell(value) {
  const text = String(plain(value) ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The columns are all names in the rows, in the order of their first use. @param {Row[]} rows */
export function csv(rows) {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  return [columns, ...rows.map((row) => columns.map((name) => row[name]))].map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}

/** @param {Row[]} rows */
export const json = (rows) => `${JSON.stringify(rows, (_, value) => (typeof value === 'object' ? value : plain(value)), 2)}\n`;
