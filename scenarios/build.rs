//! Lists the scenario files of this crate, so that the library is part of the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut files = Vec::new();
    for folder in folders(&root) {
        println!("cargo::rerun-if-changed={}", folder.display());
        collect(&folder, &mut files);
    }
    files.sort_by_key(|file| {
        (
            file.parent().map(Path::to_owned),
            file.file_stem().map(ToOwned::to_owned),
        )
    });
    let mut code = String::from("&[\n");
    for file in &files {
        let path = file
            .strip_prefix(&root)
            .expect("below the root")
            .to_string_lossy()
            .replace('\\', "/");
        writeln!(
            code,
            "    Entry {{ path: {path:?}, text: include_str!({:?}) }},",
            file.display().to_string()
        )
        .expect("a string takes everything");
    }
    code.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("library.rs");
    fs::write(out, code).expect("cargo's folder can be written");
    println!("cargo::rerun-if-changed={}", root.display());
}

/// Folders that hold scenarios: every one but the code's and the tests'.
fn folders(root: &Path) -> Vec<PathBuf> {
    let skip = ["src", "tests", "target"];
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .expect("the crate's folder")
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.is_dir()
                && !path
                    .file_name()
                    .is_some_and(|n| skip.iter().any(|s| n == *s))
        })
        .collect();
    folders.sort();
    folders
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
}
