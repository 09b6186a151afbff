// Names with a spelling similar to a text.

/** Spellings from this similarity on count as alike; 1 is equal. */
const ALIKE = 0.4;

/** The pairs of neighbouring letters. @param {string} text */
const pairs = (text) => Array.from({ length: Math.max(text.length - 1, 0) }, (_, index) => text.slice(index, index + 2));

/** The similarity of two words, 0 to 1: Dice's coefficient of their pairs of letters. @param {string} a @param {string} b */
function likeness(a, b) {
  const [own, other] = [pairs(a), pairs(b)];
  const common = own.filter((pair) => {
    const index = other.indexOf(pair);
    return index >= 0 && other.splice(index, 1).length > 0;
  });
  return (2 * common.length) / (own.length + other.length + common.length || 1);
}

/**
 * The names similar to `text`, most similar first.
 * @param {string[]} names @param {string} text @param {(text: string) => string} fold normalises a name for the comparison
 */
export function near(names, text, fold) {
  const wanted = fold(text);
  return names
    .map((name) => ({ name, likeness: Math.max(...[fold(name), ...fold(name).split(' ')].map((word) => likeness(word, wanted))) }))
    .filter(({ likeness }) => likeness >= ALIKE)
    .sort((a, b) => b.likeness - a.likeness || a.name.length - b.name.length)
    .map(({ name }) => name);
}
