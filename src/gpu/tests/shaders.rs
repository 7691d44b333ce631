//! Every shader as WebGPU's own rules see it, and within what every device has.

use std::path::{Path, PathBuf};

use crate::gpu::kernels::Kernel;

#[test]
fn every_shader_is_valid_with_every_set_of_overrides() {
    // What WebGPU promises on any device.
    const THREADS: u32 = 256;
    const SHARED: u32 = 16 << 10;
    const BUFFERS: usize = 8;
    for kernel in Kernel::all() {
        let source = kernel.source();
        let what = format!("{} {} {:?}", source.file, source.entry, source.constants);
        let module = naga::front::wgsl::parse_str(&source.text).unwrap_or_else(|e| panic!("{what}: {e}"));
        // No feature beyond the standard is needed.
        let mut validator =
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
        let info = validator.validate(&module).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        let constants = source.constants.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let entry = Some((naga::ShaderStage::Compute, source.entry));
        let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, entry, &constants)
            .unwrap_or_else(|e| panic!("{what}: {e:?}"));
        let (index, point) =
            module.entry_points.iter().enumerate().find(|(_, p)| p.name == source.entry).expect("the entry point");
        assert!(point.workgroup_size.iter().product::<u32>() <= THREADS, "{what}");
        let used = info.get_entry_point(index);
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        let (mut shared, mut bindings) = (0, Vec::new());
        for (handle, variable) in module.global_variables.iter() {
            if used[handle].is_empty() {
                continue;
            }
            match variable.space {
                naga::AddressSpace::WorkGroup => shared += layouter[variable.ty].size,
                naga::AddressSpace::Storage { .. } => bindings.extend(variable.binding.map(|b| b.binding)),
                _ => {}
            }
        }
        bindings.sort_unstable();
        assert!(shared <= SHARED, "{what}: {shared} bytes of shared memory");
        assert_eq!(bindings, source.bindings, "{what}: the bindings that it uses");
        assert!(bindings.len() <= BUFFERS, "{what}");
    }
}

/// The files of a folder of shaders, in the order of their names.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn every_shader_of_the_folder_is_a_kernels() {
    let names = files("shaders/network").into_iter().map(|path| path.file_name().unwrap().to_owned());
    let mut known: Vec<&str> = Kernel::all().map(|kernel| kernel.source().file).collect();
    known.sort_unstable();
    known.dedup();
    assert_eq!(names.collect::<Vec<_>>(), known);
    for path in files("shaders/network/prelude") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(Kernel::all().any(|kernel| kernel.source().text.contains(&text)), "{}", path.display());
    }
}
