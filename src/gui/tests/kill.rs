//! Killed while it writes, the window leaves each file as it was or as it was to be, whole: sessions, settings, exports, models.
//!
//! `DENOSCOPE_KILLS` says how many times.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::files::write_whole;
use crate::gui::feature::session_file;
use crate::gui::state::document::Document;
use crate::gui::state::model::ModelSource;
use crate::gui::state::settings::Settings;
use crate::network::{Checkpoint, Storage, bundled};
use crate::picture::{self, Picture, Shape};

/// Names the folder to write in, for the process that is to be killed.
const FOLDER: &str = "DENOSCOPE_KILL_FOLDER";

/// Writes every kind of file again and again, each version telling its number, until somebody kills it.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut checkpoint = bundled().iter().find(|model| model.name == "digits").unwrap().checkpoint().unwrap();
    for version in 1_u64.. {
        write(folder, version, &mut checkpoint);
    }
}

fn write(folder: &Path, version: u64, checkpoint: &mut Checkpoint) {
    let mut document = Document::default();
    document.noise.seed = version;
    let session = session_file::to_json(&document, &ModelSource::Oracle).unwrap();
    write_whole(folder.join("session.json"), session.as_bytes(), true).unwrap();
    let settings = Settings { device: version.to_string(), ..Settings::default() };
    settings.save(&folder.join("settings.json")).unwrap();
    let shade = (version % 256) as f32 / 255.0;
    picture::save(folder.join("tile.png"), &Picture::filled(Shape::new(3, 512, 512), shade), true).unwrap();
    checkpoint.description.name = format!("version {version}");
    checkpoint.write(folder.join("model.safetensors"), Storage::Single).unwrap();
}

/// The version that each file is of; each is read whole.
fn versions(folder: &Path) -> [Option<u64>; 4] {
    let there = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    let session = there("session.json").map(|path| session_file::read(&path).unwrap().document.noise.seed);
    let settings = there("settings.json").map(|path| {
        let (settings, words) = Settings::load(Some(&path), None);
        assert_eq!(words, None);
        settings.device.parse().unwrap()
    });
    let tile = there("tile.png").map(|path| {
        let values = picture::load(path).unwrap().picture.values().to_vec();
        assert!(values.iter().all(|v| *v == values[0]));
        (values[0] * 255.0).round() as u64
    });
    let model = there("model.safetensors").map(|path| {
        let name = Checkpoint::read(path).unwrap().description.name;
        name.trim_start_matches("version ").parse().unwrap()
    });
    [session, settings, tile, model]
}

#[test]
fn every_file_is_old_or_new_and_whole_when_the_window_is_killed() {
    let kills = std::env::var("DENOSCOPE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4_u64);
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "gui::tests::kill::writes_until_it_is_killed"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // After the first files are there, at a moment that is another each time.
        let patience = std::time::Instant::now();
        while !folder.path().join("model.safetensors").exists() {
            assert!(patience.elapsed() < Duration::from_mins(2), "nothing is written");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(150 + kill * 7919 % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        let [session, settings, tile, model] = versions(folder.path()).map(Option::unwrap);
        // They are written one after the other, so that each is of the last version or of the one before.
        for (name, version) in [("settings", settings), ("model", model)] {
            assert!(version == session || version + 1 == session, "kill {kill}: {name} {version}, session {session}");
        }
        assert!([session % 256, (session - 1) % 256].contains(&tile), "kill {kill}: tile {tile}, session {session}");
        seen = seen.max(session);
        for name in ["session.json", "settings.json", "tile.png", "model.safetensors"] {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
    assert!(seen > 1, "it was killed while files were replaced");
}
