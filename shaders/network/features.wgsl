// Rows of features: joined, taken apart, spread over pixels, and the energy that they give, −P·mean(φ²)/2.

struct Params {
    // Values of a row that are read, and rows.
    count: u32,
    rows: u32,
    in_stride: u32,
    in_start: u32,
    out_stride: u32,
    out_start: u32,
    each: u32,
    first_row: u32,
    // What the values, or the energy's slope, are multiplied by.
    factor: f32,
    adds: u32,
    // Pixels that a row is spread over.
    pixels: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> features: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
@group(0) @binding(5) var<storage, read> added: array<f32>;

// A part of each row; a thread a value.
@compute @workgroup_size(64)
fn move_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= p.count) {
        return;
    }
    let to = id.z * p.out_stride + p.out_start + id.x;
    var value = source[id.z * p.in_stride + p.in_start + id.x];
    if (p.adds == 1u) {
        value += added[to];
    }
    result[to] = value;
}

// Each row's values at all pixels: the adjoint of the mean.
@compute @workgroup_size(256)
fn spread(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = p.pixels * p.count;
    for (var i = id.x; i < p.rows * row; i += groups.x * 256u) {
        var value = p.factor * source[i / row * p.count + i % p.count];
        if (p.adds == 1u) {
            value += added[i];
        }
        result[i] = value;
    }
}

// A workgroup a picture.
@compute @workgroup_size(THREADS)
fn energy(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    var sum = 0.0;
    for (var i = thread; i < p.count; i += THREADS) {
        let value = features[id.z * p.in_stride + i];
        sum = fma(value, value, sum);
    }
    let squares = total(thread, sum);
    if (thread == 0u) {
        result[id.z] = 0.5 * p.factor * squares;
    }
}

// What the energy gives to a row of cotangents.
@compute @workgroup_size(64)
fn pull_energy(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= p.count) {
        return;
    }
    let at = id.z * p.in_stride + id.x;
    let picture = (p.first_row + id.z) / p.each;
    var value = source[at];
    // A row that weighs nothing takes nothing, be it no number.
    let scale = scales[p.first_row + id.z];
    if (scale != 0.0) {
        value = fma(scale * p.factor, features[picture * p.in_stride + id.x], value);
    }
    result[at] = value;
}
