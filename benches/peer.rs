//! The application's side of `benches/peer.py`: does one named job at a time and answers with its time.
//!
//! `peer FOLDER` writes the two networks' checkpoints with random weights into the folder, then reads jobs from standard
//! input, a line each, and prints the milliseconds that the job took. `peer FOLDER JOB…` does one job three times and
//! prints the peak of this process's memory in bytes instead.

mod jobs;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use denoscope::network::DeviceChoice;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some((folder, job)) = arguments.split_first() else {
        eprintln!("this is one half of a comparison: run benches/peer.py");
        return Ok(());
    };
    let folder = Path::new(folder);
    if !job.is_empty() {
        let mut job = jobs::prepare(folder, &job.join(" "), &DeviceChoice::Cpu)?;
        for _ in 0..3 {
            job()?;
        }
        println!("{}", peak_memory()?);
        return Ok(());
    }
    jobs::write_networks(folder)?;
    let mut prepared = BTreeMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if !prepared.contains_key(&line) {
            prepared.insert(line.clone(), jobs::prepare(folder, &line, &DeviceChoice::Cpu)?);
        }
        if let Some(job) = prepared.get_mut(&line) {
            let start = Instant::now();
            job()?;
            println!("{}", start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(())
}

/// The most memory that this process has had, in bytes; Linux tells.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("only Linux tells a process its peak memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak in /proc/self/status")?;
    let kibibytes: u64 = line.split_whitespace().next().context("an empty peak")?.parse()?;
    Ok(kibibytes * 1024)
}
