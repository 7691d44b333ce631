//! Tests that need what a machine may lack: a data set, a graphics adapter, a browser, Python, a Python with
//! torch. Where it is missing they are skipped
//! aloud. Shared by the library's own tests and those of the program.
//!
//! In continuous integration (`CI=true`) and where `DENOSCOPE_REQUIRE` names the need, as in `DENOSCOPE_REQUIRE=data,gpu`, the
//! test fails instead, unless `DENOSCOPE_MAY_SKIP` names it. A skip is noted in the file that `DENOSCOPE_SKIPPED` names,
//! which `tests/run.sh` counts.

use std::io::Write;

/// Says that this test is skipped because `need` (`data`, `gpu`, `browser`, `python` or `torch`) is missing, and why.
///
/// # Panics
/// Where it must not be skipped.
pub fn skipped(need: &str, why: &str) {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let ci = matches!(&*variable("CI"), "true" | "1");
    let may = may_skip(need, ci, &variable("DENOSCOPE_REQUIRE"), &variable("DENOSCOPE_MAY_SKIP"));
    assert!(may, "{why}; this test must not be skipped here: DENOSCOPE_MAY_SKIP={need} allows it");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("skipped: {why}");
    if let Some(path) = std::env::var_os("DENOSCOPE_SKIPPED") {
        let file = std::fs::File::options().create(true).append(true).open(path);
        let noted = file.and_then(|mut file| file.write_all(format!("{need}\t{test}\t{why}\n").as_bytes()));
        noted.expect("the file that DENOSCOPE_SKIPPED names");
    }
}

/// Whether a need may go unmet: lists are separated by commas.
fn may_skip(need: &str, ci: bool, required: &str, allowed: &str) -> bool {
    let names = |list: &str| list.split(',').any(|name| name.trim() == need);
    names(allowed) || !(ci || names(required))
}

#[test]
fn what_is_required_is_not_skipped_unless_it_is_allowed() {
    assert!(may_skip("data", false, "", ""));
    assert!(!may_skip("data", true, "", "") && may_skip("data", true, "", "browser, data"));
    assert!(!may_skip("data", false, "gpu,data", "") && may_skip("data", false, "gpu", ""));
    assert!(may_skip("gpu", false, "gpu", "gpu"), "what is allowed is allowed");
}
