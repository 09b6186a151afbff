//! Sums of products in Einstein's notation, as matrix products.

use std::collections::BTreeMap;

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use crate::onnx::array::{Array, Checked, count};

/// An equation such as `bij,bjk->bik`: the letters of each input, and of the output.
pub(super) struct Einsum {
    equation: String,
    inputs: Vec<String>,
    /// The letters of the output, if they are written.
    output: Option<String>,
}

/// An array whose axes have letters.
struct Lettered {
    array: Array,
    letters: Vec<char>,
}

impl Einsum {
    pub fn of(equation: &str) -> Checked<Self> {
        let plain: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (inputs, output) = match plain.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output.to_owned())),
            None => (&*plain, None),
        };
        let inputs: Vec<String> = inputs.split(',').map(str::to_owned).collect();
        let known = |part: &String| part.replacen("...", "", 1).chars().all(|letter| letter.is_ascii_alphabetic());
        if inputs.iter().chain(&output).all(known) {
            return Ok(Self { equation: plain, inputs, output });
        }
        Err(format!("an equation such as bij,bjk->bik is expected, {equation} found"))
    }

    pub fn run(&self, arrays: &[Option<&Array>]) -> Checked<Array> {
        let arrays: Vec<&Array> = arrays.iter().copied().flatten().collect();
        if arrays.len() != self.inputs.len() {
            return Err(format!("{} inputs are expected for {}", self.inputs.len(), self.equation));
        }
        let letters = self.inputs.iter().zip(&arrays).map(|(part, array)| self.letters(part, array.rank()));
        let letters = letters.collect::<Checked<Vec<_>>>()?;
        let mut lengths: BTreeMap<char, usize> = BTreeMap::new();
        for (letter, &length) in
            letters.iter().zip(&arrays).flat_map(|(letters, array)| letters.iter().zip(array.shape()))
        {
            let known = lengths.entry(*letter).or_insert(length);
            *known = (*known).max(length);
        }
        let output = self.outputs(&letters)?;
        let wide = |(letters, array): (&Vec<char>, &&Array)| {
            let shape: Vec<usize> = letters.iter().map(|letter| lengths[letter]).collect();
            Ok(Lettered { array: array.expand(&shape)?, letters: letters.clone() })
        };
        let mut factors = letters.iter().zip(&arrays).map(wide).collect::<Checked<Vec<_>>>()?.into_iter();
        let mut product = factors.next().ok_or("at least one input is expected")?;
        for (index, factor) in factors.enumerate() {
            let later = letters[index + 2..].iter().flatten().chain(&output);
            let needed: Vec<char> = later.copied().collect();
            let kept = |one: &Lettered, other: &Lettered| -> Vec<char> {
                one.letters
                    .iter()
                    .copied()
                    .filter(|letter| needed.contains(letter) || other.letters.contains(letter))
                    .collect()
            };
            let (left, right) = (kept(&product, &factor), kept(&factor, &product));
            product = product.summed(&left)?.times(factor.summed(&right)?, &needed)?;
        }
        product.summed(&output)?.ordered(&output)
    }

    /// One letter for each axis; those of an ellipsis are counted from the last one, and are no letters that can be
    /// written.
    fn letters(&self, part: &str, rank: usize) -> Checked<Vec<char>> {
        let wrong =
            || format!("an input with the axes {part} is expected in {}, one with {rank} axes found", self.equation);
        let letters: Vec<char> = match part.split_once("...") {
            None => part.chars().collect(),
            Some((before, after)) => {
                let rest = rank.checked_sub(before.len() + after.len()).ok_or_else(wrong)?;
                let unwritten = (0..rest).rev().map(|place| char::from(b'0' + place.min(9) as u8));
                before.chars().chain(unwritten).chain(after.chars()).collect()
            }
        };
        let twice = |(index, letter)| letters[..index].contains(letter);
        if letters.len() != rank || letters.iter().enumerate().any(twice) {
            return Err(wrong());
        }
        Ok(letters)
    }

    /// The letters of the output: as written, else those that occur once, in alphabetical order.
    fn outputs(&self, inputs: &[Vec<char>]) -> Checked<Vec<char>> {
        let all: Vec<char> = inputs.iter().flatten().copied().collect();
        let mut unwritten: Vec<char> = all.iter().copied().filter(char::is_ascii_digit).collect();
        unwritten.sort_unstable();
        unwritten.dedup();
        unwritten.reverse();
        let Some(output) = &self.output else {
            let once = |letter: &char| {
                letter.is_ascii_alphabetic() && all.iter().filter(|other| *other == letter).count() == 1
            };
            let mut letters: Vec<char> = all.iter().copied().filter(once).collect();
            letters.sort_unstable();
            return Ok([unwritten, letters].concat());
        };
        let rest = if output.contains("...") { unwritten.len() } else { 0 };
        let letters = self.letters(output, output.replacen("...", "", 1).len() + rest)?;
        match letters.iter().find(|letter| !all.contains(letter)) {
            Some(_) => Err(format!("an output of the inputs' letters is expected, {} found", self.equation)),
            None => Ok(letters),
        }
    }
}

impl Lettered {
    /// Summed over all letters but `kept`.
    fn summed(mut self, kept: &[char]) -> Checked<Self> {
        while let Some(axis) = self.letters.iter().position(|letter| !kept.contains(letter)) {
            let mut shape = self.array.shape().to_vec();
            shape.remove(axis);
            self.letters.remove(axis);
            self.array = self.array.reduce(axis, Dispatch::float_sum_dim)?.reshape(&shape)?;
        }
        Ok(self)
    }

    /// The array with its axes in this order.
    fn ordered(&self, letters: &[char]) -> Checked<Array> {
        let place = |letter: &char| self.letters.iter().position(|other| other == letter).ok_or("a letter is missing");
        self.array.permute(&letters.iter().map(place).collect::<Result<Vec<_>, _>>()?)
    }

    /// The product, summed over the letters that both have and that are not `needed`.
    fn times(self, other: Self, needed: &[char]) -> Checked<Self> {
        let (shared, first): (Vec<char>, Vec<char>) =
            self.letters.iter().partition(|letter| other.letters.contains(letter));
        let second: Vec<char> = other.letters.iter().copied().filter(|letter| !shared.contains(letter)).collect();
        let (batch, inner): (Vec<char>, Vec<char>) = shared.iter().partition(|letter| needed.contains(letter));
        let length = |letters: &[char]| -> Checked<Vec<usize>> {
            let find = |letter: &char| {
                let of = |one: &Self| Some(one.array.shape()[one.letters.iter().position(|other| other == letter)?]);
                of(&self).or_else(|| of(&other)).ok_or("a letter is missing".to_owned())
            };
            letters.iter().map(find).collect()
        };
        let [outer, rows, depth, columns] = [&batch, &first, &inner, &second].map(|letters| length(letters));
        let (outer, rows, depth, columns) = (outer?, rows?, depth?, columns?);
        let (many, inside) = (count(&outer)?, count(&depth)?);
        let left = self.ordered(&[&batch[..], &first, &inner].concat())?.reshape(&[many, count(&rows)?, inside])?;
        let right =
            other.ordered(&[&batch[..], &inner, &second].concat())?.reshape(&[many, inside, count(&columns)?])?;
        let array = left.matmul(&right)?.reshape(&[outer, rows, columns].concat())?;
        Ok(Self { array, letters: [batch, first, second].concat() })
    }
}
