//! `denoscope usual`.

use std::fs;

use serde_json::Value;

use super::Desk;

#[test]
fn what_is_usual_is_written_beside_the_model_and_never_over_it() {
    let desk = Desk::new();
    desk.classes(70);
    let said = desk.output("usual tiny.safetensors --data data --device cpu");
    assert!(said.contains("210 pictures of data measured") && said.contains("tiny.usual.json"), "{said}");
    let text = fs::read_to_string(desk.at("tiny.usual.json")).expect("a file");
    let usual: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&usual["pictures"], usual["levels"].as_array().expect("levels").len()), (&210.into(), 8));
    for figure in ["log_density", "score"] {
        let values: Vec<f64> =
            usual["levels"][3][figure].as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
        assert!(values.len() == 15 && values.is_sorted(), "{figure}: {values:?}");
    }
    assert!(desk.refusal(1, "usual tiny.safetensors --data data --device cpu").contains("--force"));
    assert!(desk.refusal(1, "usual tiny.safetensors --data data --limit 20 -o few.json").contains("at least 200"));
    assert!(desk.refusal(2, "usual digits --data data").contains("--output"));
}
