//! Result files: the measurements, with the command, commit and machine that made them.

use std::{fs, process::Command};

use serde_json::{Value, json};

/// Writes benches/results/`name`.json.
pub fn write(name: &str, mut measured: Value) {
    measured["command"] = json!(format!("cargo bench --workspace --bench {name}"));
    measured["commit"] = json!(commit());
    measured["date"] = json!(output("date", &["+%F"]));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    measured["machine"] = json!(format!("{}, {cores} cores", processor()));
    let text = serde_json::to_string_pretty(&measured).expect("plain values");
    fs::write(format!("benches/results/{name}.json"), text + "\n").expect("benches/results can be written");
}

/// The commit, marked if files were changed since; changed result files do not count.
fn commit() -> String {
    let changed = !output("git", &["status", "--porcelain", "--", ".", ":!benches/results"]).is_empty();
    output("git", &["describe", "--always", "--abbrev=12"]) + if changed { "-dirty" } else { "" }
}

fn output(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':'])).to_owned()
}
