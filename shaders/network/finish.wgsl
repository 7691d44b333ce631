// The end of a pullback: (g − density·z)·rate from the stem's adjoint, which may lie in slices, into planar pictures.

struct Params {
    pixels: u32,
    // Colour channels.
    channels: u32,
    slices: u32,
    // Vectors from one slice to the next.
    stride: u32,
    each: u32,
    first_row: u32,
    rows: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> z: array<vec4<f32>>;
// Each row's density and rate.
@group(0) @binding(3) var<storage, read> factors: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(256)
fn finish(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.z;
    let pixel = id.x;
    if (pixel >= p.pixels) {
        return;
    }
    var g = source[row * p.pixels + pixel];
    for (var slice = 1u; slice < p.slices; slice++) {
        g += source[slice * p.stride + row * p.pixels + pixel];
    }
    let picture = (p.first_row + row) / p.each;
    let factor = factors[p.first_row + row];
    if (factor.x != 0.0) {
        g -= factor.x * z[picture * p.pixels + pixel];
    }
    let value = g * factor.y;
    let at = row * p.channels * p.pixels + pixel;
    result[at] = value.x;
    if (p.channels > 1u) {
        result[at + p.pixels] = value.y;
        result[at + 2u * p.pixels] = value.z;
    }
}
