//! The weights of a layer. Natively, those that are used again are kept packed.

use std::sync::Arc;

use crate::threads;

#[cfg(not(target_family = "wasm"))]
pub use kept::Owner;

/// The weights of a layer.
pub struct Weights<'a> {
    values: &'a [f32],
    #[cfg(not(target_family = "wasm"))]
    owner: Option<Owner>,
}

/// What weights are packed for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pass {
    Forward,
    Backward,
}

impl<'a> Weights<'a> {
    /// Weights that are packed anew in each pass.
    pub fn new(values: &'a [f32]) -> Self {
        Self {
            values,
            #[cfg(not(target_family = "wasm"))]
            owner: None,
        }
    }

    /// Weights in the memory of `owner`. What is packed in the second pass is kept for those that follow, as long as
    /// the owner lives. Nothing is kept in training, where each step has an owner of its own.
    ///
    /// `values` must be a part of the owner's memory, and must not change: new values need a new owner, as `Arc::make_mut`
    /// makes one.
    #[cfg(not(target_family = "wasm"))]
    pub fn owned(values: &'a [f32], owner: Owner) -> Self {
        Self { values, owner: Some(owner) }
    }

    /// The weights packed by `pack`, which depends on `pass` and the `shape` of the layer.
    pub(crate) fn packed<T: Send + Sync + 'static>(
        &self,
        pass: Pass,
        shape: [usize; 5],
        pack: impl FnOnce(&[f32]) -> T,
    ) -> Arc<T> {
        #[cfg(not(target_family = "wasm"))]
        if let Some(owner) = &self.owner {
            return kept::packed(self.values, owner, pass, shape, pack);
        }
        let _ = (pass, shape);
        Arc::new(pack(self.values))
    }
}

/// The packed weights of `count` tiles of `TILE` channels, each of `terms`: `pack` writes those of one tile. `cost` is
/// the number of multiply-adds that one tile is worth. All are in one allocation: threads of a browser wait for each
/// other when they ask for memory.
pub(crate) fn tiles<const TILE: usize>(
    count: usize,
    terms: usize,
    cost: usize,
    pack: impl Fn(usize, &mut [[f32; TILE]]) + Sync + Send,
) -> Vec<[f32; TILE]> {
    let mut packed = vec![[0.0; TILE]; count * terms];
    threads::parts(&mut packed, terms, cost, pack);
    packed
}

#[cfg(not(target_family = "wasm"))]
mod kept {
    use std::any::{Any, TypeId};
    use std::collections::HashMap;
    use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

    use super::Pass;

    /// What owns the memory of weights.
    pub type Owner = Arc<dyn Any + Send + Sync>;

    #[derive(PartialEq, Eq, Hash)]
    struct Key {
        address: usize,
        length: usize,
        pass: Pass,
        /// The shape of the layer.
        shape: [usize; 5],
        /// The type of what is packed.
        kind: TypeId,
    }

    /// Weights that were used, and how they were packed, once they were used twice.
    struct Used {
        /// While this is here, no other owner has the same address.
        owner: Weak<dyn Any + Send + Sync>,
        packed: Option<Owner>,
    }

    impl Used {
        fn is_of(&self, owner: &Owner) -> bool {
            self.owner.ptr_eq(&Arc::downgrade(owner))
        }
    }

    /// When this many weights are remembered, those whose owner is gone are forgotten.
    const MANY: usize = 512;

    static REMEMBERED: LazyLock<Mutex<HashMap<Key, Used>>> = LazyLock::new(Mutex::default);

    fn remembered() -> MutexGuard<'static, HashMap<Key, Used>> {
        REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn packed<T: Send + Sync + 'static>(
        values: &[f32],
        owner: &Owner,
        pass: Pass,
        shape: [usize; 5],
        pack: impl FnOnce(&[f32]) -> T,
    ) -> Arc<T> {
        let kind = TypeId::of::<T>();
        let key = Key { address: values.as_ptr() as usize, length: values.len(), pass, shape, kind };
        let mut again = false;
        if let Some(used) = remembered().get(&key).filter(|used| used.is_of(owner)) {
            if let Some(Ok(packed)) = used.packed.clone().map(Arc::downcast) {
                return packed;
            }
            again = true;
        }
        let packed = Arc::new(pack(values));
        let mut remembered = remembered();
        // Packed weights take memory: those of networks that are gone are freed first.
        if again || remembered.len() >= MANY {
            remembered.retain(|_, used| used.owner.strong_count() > 0);
        }
        let kept = again.then(|| packed.clone() as Owner);
        remembered.insert(key, Used { owner: Arc::downgrade(owner), packed: kept });
        packed
    }

    #[cfg(test)]
    mod tests {
        use std::cell::Cell;

        use super::*;
        use crate::weights::Weights;

        #[test]
        fn weights_that_are_used_again_are_kept_packed_as_long_as_their_owner_lives() {
            let packed = Cell::new(0);
            let sum = |values: &[f32]| {
                packed.set(packed.get() + 1);
                values.iter().sum::<f32>()
            };
            let used = |owner: &Arc<Vec<f32>>, pass, shape| {
                *Weights::owned(owner, owner.clone() as Owner).packed(pass, shape, sum)
            };
            let mut owner = Arc::new(vec![1.0, 2.0]);
            for _ in 0..5 {
                assert_eq!(used(&owner, Pass::Forward, [0; 5]), 3.0);
            }
            assert_eq!(packed.get(), 2);
            for (pass, shape) in [(Pass::Backward, [0; 5]), (Pass::Forward, [1; 5])] {
                used(&owner, pass, shape);
            }
            assert_eq!(packed.get(), 4);

            // As in training, where every step has new weights.
            for value in 0..2000 {
                assert_eq!(used(&Arc::new(vec![value as f32]), Pass::Forward, [0; 5]), value as f32);
            }
            assert_eq!(packed.get(), 2004);
            assert!(remembered().len() <= MANY);
            assert_eq!((used(&owner, Pass::Forward, [0; 5]), packed.get()), (3.0, 2004));

            // Changed in place, by their only owner.
            Arc::make_mut(&mut owner)[0] = 5.0;
            assert_eq!((used(&owner, Pass::Forward, [0; 5]), packed.get()), (7.0, 2005));

            for _ in 0..3 {
                Weights::new(&owner).packed(Pass::Forward, [0; 5], sum);
            }
            assert_eq!(packed.get(), 2008);
        }
    }
}
