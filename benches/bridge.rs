//! What the bridge to Python costs, beside a plain `PyTorch` loop on the same network: `cargo bench --bench bridge`, with
//! `DENOSCOPE_PYTHON` naming a Python that has torch. Both sides take turns, so that whatever else the machine does falls on both alike;
//! the figures are medians, and the least, which other work on the machine raises least.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use denoscope::{Batch, Cancel, JointModel, Linear, PythonModel, ScriptSource};

/// Turns of each side at each job, and calls one after another in a turn.
const TURNS: usize = 6;
const CALLS: usize = 8;

/// Between turns: `PyTorch`'s threads spin for a while after a job, on the processors that the other side's need.
const REST: Duration = Duration::from_millis(50);

fn main() -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bridge.py");
    let python = std::env::var("DENOSCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_torch = Command::new(&python).args(["-c", "import torch"]).stderr(Stdio::null()).status();
    if !has_torch.is_ok_and(|status| status.success()) {
        eprintln!("{python} has no torch: name a Python that has by DENOSCOPE_PYTHON");
        return Ok(());
    }
    let open = |object: Option<&str>| {
        let source = ScriptSource { path: script.clone(), object: object.map(str::to_owned) };
        PythonModel::open(&source, "cpu", &Cancel::new(), None)
    };
    let (network, tiny) = (open(None)?, open(Some("tiny"))?);
    let mut plain = Command::new(&python);
    let mut plain = plain.arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut ask = plain.stdin.take().context("its input")?;
    let mut answers = BufReader::new(plain.stdout.take().context("its output")?).lines();
    println!("{:<29} {:>12} {:>12} {:>12} {:>8}", "job", "plain (ms)", "bridge (ms)", "more (ms)", "more");
    for (name, model, count) in [
        ("tiny-forward", &tiny, 1),
        ("tiny-gradient", &tiny, 1),
        ("forward", &network, 1),
        ("gradient", &network, 1),
        ("forward", &network, 64),
        ("gradient", &network, 64),
    ] {
        let shape = model.shape();
        let values = (0..count * shape.len()).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
        let (noisy, sigmas) = (Batch::new(shape, values), vec![0.1; count]);
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for turn in 0..2 * TURNS {
            for call in 0..CALLS {
                let begin = Instant::now();
                let milliseconds = if turn % 2 == 0 {
                    writeln!(ask, "{count} {name}")?;
                    answers.next().context("an answer")??.parse()?
                } else {
                    let pass = model.forward(&noisy, &sigmas)?;
                    if name.ends_with("gradient") {
                        pass.gradients(&[Linear::ScoreAs(0)])?;
                    }
                    begin.elapsed().as_secs_f64() * 1e3
                };
                // The first ones of a turn warm up.
                if call >= 2 {
                    if turn % 2 == 0 { &mut theirs } else { &mut ours }.push(milliseconds);
                }
            }
            std::thread::sleep(REST);
        }
        for values in [&mut theirs, &mut ours] {
            values.sort_by(f64::total_cmp);
        }
        for (what, place) in [("median", ours.len() / 2), ("least", 0)] {
            let (a, b) = (theirs[place], ours[place]);
            let job = format!("{name} of {count}");
            println!("{job:<20} {what:<8} {a:>12.3} {b:>12.3} {:>12.3} {:>6.1} %", b - a, 100.0 * (b / a - 1.0));
        }
    }
    drop(ask);
    plain.wait()?;
    Ok(())
}
