#!/usr/bin/env bash
# Builds std for wasm32-unknown-unknown from its source and puts it into the compiler's sysroot, for machines with no way
# to the toolchain server; or std with threads, which nobody ships, into the sysroot FOLDER/threads. The source is
# rustup's component rust-src where it can be had, else Debian's package rust-src of the very version of the compiler,
# checked against a pinned sum. About 30 seconds of CPU.
#
# Usage: wasm-target.sh FOLDER [threads], a folder for the source and the build, kept for the next time.
set -euo pipefail

target=wasm32-unknown-unknown
version=1.95.0
package=rust-src_$version+dfsg1-2~bpo13+1_all.deb
sum=7b76db5b880a77f9e52975d2baa6209d2f76d2c9c2789515c3088cb960e2c83b

mkdir -p "$1"
work=$(cd "$1" && pwd)
if [[ ${2:-} == threads ]]; then
  features=(-C target-feature=+atomics,+bulk-memory,+mutable-globals)
  sysroot=$work/threads
else
  features=()
  sysroot=$(rustc --print sysroot)
fi
lib=$sysroot/lib/rustlib/$target/lib

works() { # can a program with std be linked?
  echo 'fn main() { println!("{:?}", (0..3).collect::<Vec<u32>>()) }' > "$work/probe.rs"
  rustc --sysroot "$sysroot" "${features[@]}" --target $target -o "$work/probe.wasm" "$work/probe.rs" 2> "$work/probe.log"
}

if works; then
  echo "wasm-target: already there"
  exit
fi
cd "$work"
rm -rf src
component=$(rustc --print sysroot)/lib/rustlib/src/rust/library
if [[ ! -d $component ]]; then
  timeout 120 rustup component add rust-src || true # where there is no rustup, or no way to its server
fi
if [[ -d $component ]]; then
  cp -r "$component" src
else
  found=$(rustc --version --verbose | sed -n 's/^release: //p')
  if [[ $found != "$version" ]]; then
    echo "wasm-target: knows the source of Rust $version only, and this is $found; install the target $target by hand" >&2
    exit 1
  fi
  if ! command -v dpkg > /dev/null; then
    echo "wasm-target: takes the source from a Debian package, and this is no Debian; install the target $target by hand" >&2
    exit 1
  fi

  if ! echo "$sum  $package" | sha256sum --check --status 2> /dev/null; then
    sources=(/etc/apt/sources.list /etc/apt/sources.list.d/*)
    mirror=$(cat "${sources[@]}" 2> /dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
    curl --fail --silent --show-error --location --retry 3 --output "$package" "${mirror%/}/pool/main/r/rustc/$package"
    echo "$sum  $package" | sha256sum --check --quiet
  fi
  mkdir src
  dpkg --fsys-tarfile "$package" | tar -x -C src --strip-components=5 "./usr/src/rustc-$version/library"
fi
cd src

# The workspace, less what is not vendored: tests, benchmarks and optional build dependencies.
sed -zi 's/members = \[[^]]*\]/members = ["std", "sysroot"]/' Cargo.toml
sed -i '/^\[dev-dependencies\]/,/^$/d' std/Cargo.toml
sed -i -e '/^cc = /d' -e 's/^c = .*/c = []/' compiler-builtins/compiler-builtins/Cargo.toml profiler_builtins/Cargo.toml
if [[ -d vendor ]]; then
  mkdir -p .cargo
  cat > .cargo/config.toml << 'CONFIG'
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "vendor"
CONFIG
fi

# As the compiler's own build does it.
unset CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS
export RUSTC_BOOTSTRAP=1 __CARGO_DEFAULT_LIB_METADATA=decoy CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$work/target${2:+-$2}"
export RUSTFLAGS="-Zforce-unstable-if-unmarked --remap-path-prefix=$work/src=/rustc/std ${features[*]}"
cargo build --profile dist --package sysroot --target $target --features compiler-builtins-mem

rm -rf "$lib.new"
mkdir -p "$lib.new"
crates=(core alloc std compiler_builtins panic_abort panic_unwind unwind test proc_macro std_detect getopts dlmalloc hashbrown
  cfg_if rustc_demangle rustc_std_workspace_core rustc_std_workspace_alloc rustc_std_workspace_std rustc_literal_escaper libc)
for crate in "${crates[@]}"; do
  cp "$CARGO_TARGET_DIR/$target/dist/deps/lib$crate"-*.rlib "$lib.new"
done
rm -rf "$lib"
mv "$lib.new" "$lib"
works
echo "wasm-target: built $target into $lib"
