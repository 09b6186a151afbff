//! Defines the cfg alias `threads`: it is set where there may be several.

fn main() {
    cfg_aliases::cfg_aliases! {
        threads: { any(not(target_family = "wasm"), target_feature = "atomics") },
    }
}
