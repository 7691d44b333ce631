// Adds the slices of a product up, in order, and what is to be added to them.

struct Params {
    // Vectors of the result, and of a row.
    count: u32,
    row: u32,
    slices: u32,
    stride: u32,
    // As in conv.wgsl.
    adds: u32,
    each: u32,
    first_row: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> added: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;

@compute @workgroup_size(256)
fn reduce(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
    if (i >= p.count) {
        return;
    }
    var sum = source[i];
    for (var slice = 1u; slice < p.slices; slice++) {
        sum += source[slice * p.stride + i];
    }
    if (p.adds == 1u) {
        sum += added[i];
    } else if (p.adds == 2u) {
        let row = i / p.row;
        let picture = (p.first_row + row) / p.each;
        // A row that weighs nothing takes nothing, be it no number.
        let scale = scales[p.first_row + row];
        if (scale != 0.0) {
            sum += scale * added[picture * p.row + i - row * p.row];
        }
    }
    result[i] = sum;
}
