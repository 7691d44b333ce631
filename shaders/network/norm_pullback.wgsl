// The pullback of norm.wgsl over rows of cotangents: with h = g·gain·GELU′(x̂·gain + offset),
// rate·(h − mean(h) − x̂·mean(h·x̂)), and what is added to it.
//
// `fused` has a workgroup a group; large pictures take `sums_of` and then `apply`, with a workgroup a block of pixels.

struct Params {
    pixels: u32,
    width: u32,
    channels: u32,
    size: u32,
    // Slices that the cotangent lies in, and values from one to the next; 0 slices: one value a channel for all pixels.
    slices: u32,
    stride: u32,
    film: u32,
    stats: u32,
    block: u32,
    blocks: u32,
    // 0: nothing is added; 1: `added`, row by row; 2: the row's scale times its picture's `added`.
    adds: u32,
    each: u32,
    first_row: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> whole: array<f32>;
@group(0) @binding(3) var<storage, read> film: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> added: array<f32>;
@group(0) @binding(6) var<storage, read> scales: array<f32>;
@group(0) @binding(7) var<storage, read_write> result: array<f32>;
@group(0) @binding(8) var<storage, read_write> parts: array<vec2<f32>>;

fn picture_of(row: u32) -> u32 {
    return (p.first_row + row) / p.each;
}

fn stats_of(row: u32, group: u32) -> vec2<f32> {
    return stats[p.stats + picture_of(row) * groups() + group];
}

// Writes h to the result; gives the thread's sums of h and h·x̂.
fn slope(thread: u32, row: u32, group: u32, block: u32) -> vec2<f32> {
    let picture = picture_of(row);
    let known = stats_of(row, group);
    let lifts = bitcast<u32>(film[picture]) + p.film + group * p.size;
    var sum = vec2<f32>();
    for (var at = span(thread, block); at.x < at.z; at = next(at)) {
        let i = place(row, group, at);
        var g = 0.0;
        if (p.slices == 0u) {
            g = source[row * p.width + group * p.size + at.y];
        } else {
            g = source[i];
            for (var slice = 1u; slice < p.slices; slice++) {
                g += source[slice * p.stride + i];
            }
        }
        let x = (whole[place(picture, group, at)] - known.x) * known.y;
        let gain = film[lifts + at.y];
        let lifted = fma(x, gain, film[lifts + p.width + at.y]);
        let bell = normal(lifted);
        let h = g * gain * fma(lifted, bell.y, bell.x);
        result[i] = h;
        sum += vec2<f32>(h, h * x);
    }
    return sum;
}

fn pull(thread: u32, row: u32, group: u32, block: u32, means: vec2<f32>) {
    let picture = picture_of(row);
    let known = stats_of(row, group);
    for (var at = span(thread, block); at.x < at.z; at = next(at)) {
        let i = place(row, group, at);
        let of_picture = place(picture, group, at);
        let x = (whole[of_picture] - known.x) * known.y;
        var value = known.y * (result[i] - means.x - x * means.y);
        if (p.adds == 1u) {
            value += added[i];
        } else if (p.adds == 2u) {
            // A row that weighs nothing takes nothing, be it no number.
            let scale = scales[p.first_row + row];
            if (scale != 0.0) {
                value = fma(scale, added[of_picture], value);
            }
        }
        result[i] = value;
    }
    clear_padding(thread, row, group, block);
}

@compute @workgroup_size(THREADS)
fn fused(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let sum = totals(thread, slope(thread, id.z, id.x, 0u));
    pull(thread, id.z, id.x, 0u, sum / f32(p.pixels * p.size));
}

@compute @workgroup_size(THREADS)
fn sums_of(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let sum = totals(thread, slope(thread, id.z, id.x, id.y));
    if (thread == 0u) {
        parts[part(id.z, id.x, id.y)] = sum;
    }
}

@compute @workgroup_size(THREADS)
fn apply(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    var sum = vec2<f32>();
    for (var block = 0u; block < p.blocks; block++) {
        sum += parts[part(id.z, id.x, block)];
    }
    pull(thread, id.z, id.x, id.y, sum / f32(p.pixels * p.size));
}
