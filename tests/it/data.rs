//! Data sets as people have them: what is used of them, and what is said about the rest.

use std::fs;

use denoscope::picture::Shape;

use super::cli::Desk;

/// Draws these pictures; a name that ends with `/` is an empty folder.
fn draw(desk: &Desk, names: &[&str]) {
    for name in names {
        let path = desk.at(name);
        if name.ends_with('/') {
            fs::create_dir_all(&path).expect("a folder");
            continue;
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        desk.draw(name, Shape::new(3, 8, 8));
    }
}

/// What a run that succeeds says on standard error, and on standard output.
fn said(desk: &Desk, line: &str) -> (String, String) {
    let run = desk.run(line).success();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (text(&run.get_output().stderr), text(&run.get_output().stdout))
}

/// Holds that each of these is said, each in one line.
fn assert_says(said: &str, all: &[&str]) {
    for words in all {
        assert_eq!(said.lines().filter(|line| line.contains(words)).count(), 1, "{words:?} in\n{said}");
    }
}

const TRAIN: &str = "train --widths 8,8 --blocks 1,1 --strides 1,2 --steps 2 --batch 2 --device cpu --size 16";

#[test]
fn training_says_what_it_leaves_out_and_where_it_keeps_what_it_decoded() {
    let desk = Desk::new();
    let names: Vec<String> =
        (0..8).flat_map(|n| [format!("own/cat/{n}.png"), format!("own/dog/more/{n}.png")]).collect();
    draw(&desk, &names.iter().map(String::as_str).collect::<Vec<_>>());
    draw(&desk, &["own/unicorn/", "own/__MACOSX/cat/", "own/beside.png"]);
    fs::write(desk.at("own/cat/9.png"), b"no picture").expect("a file");
    let (notes, _) = said(&desk, &format!("{TRAIN} --data own --out own.safetensors --holdout 4"));
    let words = [
        "note: system folders are no classes and were left out: __MACOSX",
        "note: empty classes were left out: unicorn",
        "note: 1 pictures beside the class folders",
        "note: 1 of 17 files were left out: ",
        "note: the decoded pictures are kept in own.safetensors.pictures",
        " held out; ",
    ];
    assert_says(&notes, &words);
    assert!(desk.at("own.safetensors.pictures").is_file());
    let info = desk.output("info own.safetensors");
    assert!(info.contains("cat") && info.contains("dog") && !info.contains("unicorn"), "{info}");
}

#[test]
fn a_validation_folder_is_measured_on_in_training_and_by_eval() {
    let desk = Desk::new();
    draw(&desk, &["own/train/cat/0.png", "own/train/cat/1.png", "own/train/dog/0.png", "own/train/3/0.png"]);
    draw(&desk, &["own/val/cat/0.png", "own/val/dog/0.png", "own/val/fox/0.png"]);
    let (notes, _) = said(&desk, &format!("{TRAIN} --data own --out own.safetensors"));
    let words =
        ["val is measured on", "val has no pictures of 3", "val has 1 pictures of fox", "own: 4 pictures, 2 held out"];
    assert_says(&notes, &words);
    let (notes, figures) = said(&desk, "eval --data own --sigmas 1/255");
    assert_says(&notes, &["own: measured on val", "val has no pictures of 3", "val has 1 pictures of fox"]);
    assert!(figures.contains("2 pictures of own"), "{figures}");
}

#[test]
fn nested_pictures_are_measured() {
    let desk = Desk::new();
    draw(&desk, &["own/cat/0.png", "own/cat/more/1.png", "own/dog/0.png", "own/dog/more/1.png"]);
    let (notes, figures) = said(&desk, "eval --data own --sigmas 1/255");
    assert!(figures.contains("4 pictures of own"), "{figures}");
    assert_says(&notes, &["no test or val folder"]);
}

#[test]
fn cifar_is_measured_without_its_training_files() {
    let desk = Desk::new();
    fs::create_dir(desk.at("cifar")).expect("a folder");
    fs::write(desk.at("cifar/batches.meta.txt"), "cat\ndog\n3\n").expect("a file");
    let record = |n: usize| (0..3073).map(move |i| if i == 0 { (n % 3) as u8 } else { (i * n % 251) as u8 });
    fs::write(desk.at("cifar/test_batch.bin"), (0..6).flat_map(record).collect::<Vec<u8>>()).expect("a file");
    let (_, figures) = said(&desk, "eval --data cifar --sigmas 0.1 --limit 5");
    assert!(figures.contains("5 pictures of cifar10"), "{figures}");
    let run = desk.run(&format!("{TRAIN} --data cifar --out x.safetensors")).code(1);
    let error = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(error.contains("lacks data_batch_1.bin"), "{error}");
}

#[test]
fn a_recipe_gives_the_options_that_are_not_typed() {
    let desk = Desk::new();
    let names: Vec<String> = (0..4).flat_map(|n| [format!("own/cat/{n}.png"), format!("own/dog/{n}.png")]).collect();
    draw(&desk, &names.iter().map(String::as_str).collect::<Vec<_>>());
    said(&desk, &format!("{TRAIN} --data own --out one.safetensors --holdout 2 --seed 7"));
    let (notes, _) = said(&desk, "train --recipe one.safetensors.toml --out two.safetensors --steps 3");
    assert_says(&notes, &["own: 6 pictures, 2 held out", "step 3: saved two.safetensors"]);
    let text = fs::read_to_string(desk.at("two.safetensors.toml")).expect("a recipe");
    assert!(text.contains("\nseed = 7\n") && text.contains("\nsteps = 3\n"), "{text}");
    // What is there is not replaced, and a wrong recipe is named.
    desk.run("train --recipe one.safetensors.toml").code(2);
    fs::write(desk.at("wrong.toml"), "data = \"own\"\nout = \"x\"\nbatches = 3\n").expect("a file");
    let run = desk.run("train --recipe wrong.toml").code(2);
    let error = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(error.contains("wrong.toml") && error.contains("batches"), "{error}");
}
