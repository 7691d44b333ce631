//! `denoscope eval --shard` and `denoscope merge`.

use std::fs;

use super::Desk;
#[cfg(unix)]
use super::wait_until;

const EVAL: &str = "eval --data data --sigmas 0.1,0.2 --attacks pgd:steps=5,square:queries=20 --certify 0.3 --certify-pictures 5 \
                    --certify-samples 20 --batch 2";

#[cfg(unix)]
#[test]
fn shards_one_of_them_killed_are_merged_into_the_very_file_of_one_run() {
    let desk = Desk::new();
    desk.classes(4);
    let long = EVAL.replace("steps=5", "steps=60");
    desk.run(&format!("{long} --json whole.json --csv whole.csv")).success();
    let shard = |number: u32| format!("{long} --shard {number}/3 --journal {number}.journal --resume");
    for number in [1, 3] {
        let said = desk.output(&shard(number));
        assert!(said.contains(&format!("shard {number}/3: ")) && said.contains("measurements in"), "{said}");
    }
    let mut child = desk.start(&shard(2));
    let journal = desk.at("2.journal");
    wait_until(|| fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > 2));
    child.kill().expect("killed");
    child.wait().expect("its end");
    let said = desk.refusal(1, "merge 1.journal 2.journal 3.journal");
    assert!(said.contains("2.journal: lacks ") && said.contains("--shard 2/3 with --resume"), "{said}");
    desk.run(&shard(2)).success();
    let figures =
        desk.output("merge 1.journal 2.journal 3.journal --json merged.json --csv merged.csv --html merged.html");
    assert!(figures.contains("Under attack"), "{figures}");
    for kind in ["json", "csv"] {
        let [whole, merged] =
            ["whole", "merged"].map(|name| fs::read(desk.at(&format!("{name}.{kind}"))).expect("a file"));
        assert!(whole == merged, "{kind}, to the byte");
    }
    assert!(fs::read_to_string(desk.at("merged.html")).expect("a page").contains("</html>"));
    assert!(desk.at("1.journal").exists(), "journals stay");
}

#[test]
fn shards_that_do_not_belong_together_are_refused_in_a_line() {
    let desk = Desk::new();
    desk.classes(2);
    let shard = |number: u32, more: &str| {
        desk.run(&format!("{EVAL} --shard {number}/2 --journal {number}.journal --force {more}")).success();
    };
    shard(1, "");
    shard(2, "");
    assert!(desk.refusal(2, "merge 1.journal").contains("shard 2/2 is missing"));
    assert!(desk.refusal(2, "merge 1.journal 1.journal 2.journal").contains("both shard 1/2"));
    assert!(desk.refusal(1, "merge 1.journal tiny.safetensors").contains("tiny.safetensors"));
    // What to do is said of this command's own options.
    std::fs::write(desk.at("text.txt"), "no journal\n").expect("a file");
    let said = desk.refusal(1, "merge text.txt");
    assert!(
        said.contains("text.txt: is no state") && said.contains("eval --shard") && !said.contains("--force"),
        "{said}"
    );
    assert!(desk.refusal(2, "merge 1.journal 2.journal --json 2.journal --force").contains("read by this command"));
    shard(2, "--seed 3");
    assert!(desk.refusal(1, "merge 1.journal 2.journal").contains("2.journal: is of another plan"));
    shard(2, "--limit 5");
    assert!(desk.refusal(1, "merge 1.journal 2.journal").contains("2.journal: is of other"));
    // A journal is not written over, nor gone on with by another shard.
    let line = format!("{EVAL} --shard 2/2 --journal 1.journal");
    assert!(desk.refusal(1, &line).contains("--resume goes on, --force begins anew"));
    assert!(desk.refusal(1, &format!("{line} --resume")).contains("is shard 1/2, not 2/2"));
    for wrong in ["--shard 3/2 --journal x", "--shard 1/2", "--journal x", "--shard 1/2 --journal x --json y"] {
        desk.refusal(2, &format!("{EVAL} {wrong}"));
    }
}
