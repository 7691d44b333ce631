// Group norm, gain and offset, and GELU: out = GELU(x̂·gain + offset), x̂ = (x − mean)·rate over a group's pixels and channels.
//
// The input may still lie in the slices of a product, which are added here in order, with a residual; the sum is written to
// `whole`, which the pullback reads. Statistics take two passes, the mean and then the squares about it.
//
// `fused` has a workgroup a group; large pictures take `moments` and then `apply`, with a workgroup a block of pixels.

struct Params {
    pixels: u32,
    // Values a pixel, padding included; how many of them are channels; channels in a group.
    width: u32,
    channels: u32,
    size: u32,
    // Slices that the input lies in, or 0 where it is in `whole`; values from one to the next; whether a residual is added.
    slices: u32,
    stride: u32,
    residual: u32,
    // Where gains begin in a picture's row of the film; offsets follow `width` values later.
    film: u32,
    // Where this norm's statistics begin, in pairs.
    stats: u32,
    // Pixels a block, and how many blocks there are.
    block: u32,
    blocks: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> added: array<f32>;
@group(0) @binding(3) var<storage, read_write> whole: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
// As bits, where each picture's row begins; then the rows.
@group(0) @binding(5) var<storage, read> film: array<f32>;
// Mean and rate of each picture's groups.
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>;
// Mean and sum of squares about it of each block.
@group(0) @binding(7) var<storage, read_write> parts: array<vec2<f32>>;

// Mean of a block and the sum of squares about it; first adds the slices up.
fn measure(thread: u32, picture: u32, group: u32, block: u32, count: f32) -> vec2<f32> {
    var sum = 0.0;
    for (var at = span(thread, block); at.x < at.z; at = next(at)) {
        let i = place(picture, group, at);
        if (p.slices > 0u) {
            var value = source[i];
            for (var slice = 1u; slice < p.slices; slice++) {
                value += source[slice * p.stride + i];
            }
            if (p.residual == 1u) {
                value += added[i];
            }
            whole[i] = value;
        }
        sum += whole[i];
    }
    let mean = total(thread, sum) / count;
    var squares = 0.0;
    for (var at = span(thread, block); at.x < at.z; at = next(at)) {
        let from_mean = whole[place(picture, group, at)] - mean;
        squares += from_mean * from_mean;
    }
    return vec2<f32>(mean, total(thread, squares));
}

fn lift(thread: u32, picture: u32, group: u32, block: u32, mean: f32, rate: f32) {
    let row = bitcast<u32>(film[picture]) + p.film + group * p.size;
    for (var at = span(thread, block); at.x < at.z; at = next(at)) {
        let i = place(picture, group, at);
        let lifted = fma((whole[i] - mean) * rate, film[row + at.y], film[row + p.width + at.y]);
        result[i] = lifted * normal(lifted).x;
    }
    clear_padding(thread, picture, group, block);
}

@compute @workgroup_size(THREADS)
fn fused(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let count = f32(p.pixels * p.size);
    let moments = measure(thread, id.z, id.x, 0u, count);
    let rate = 1.0 / sqrt(moments.y / count + 1e-5);
    if (thread == 0u) {
        stats[p.stats + id.z * groups() + id.x] = vec2<f32>(moments.x, rate);
    }
    lift(thread, id.z, id.x, 0u, moments.x, rate);
}

@compute @workgroup_size(THREADS)
fn moments(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let pixels = min(p.block, p.pixels - id.y * p.block);
    let found = measure(thread, id.z, id.x, id.y, f32(pixels * p.size));
    if (thread == 0u) {
        parts[part(id.z, id.x, id.y)] = found;
    }
}

@compute @workgroup_size(THREADS)
fn apply(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Each block's share of the mean, then of the squares about the common mean.
    var mean = 0.0;
    for (var block = 0u; block < p.blocks; block++) {
        let share = f32(min(p.block, p.pixels - block * p.block)) / f32(p.pixels);
        mean = fma(parts[part(id.z, id.x, block)].x, share, mean);
    }
    var squares = 0.0;
    for (var block = 0u; block < p.blocks; block++) {
        let known = parts[part(id.z, id.x, block)];
        let count = f32(min(p.block, p.pixels - block * p.block) * p.size);
        let apart = known.x - mean;
        squares += fma(apart * apart, count, known.y);
    }
    let rate = 1.0 / sqrt(squares / f32(p.pixels * p.size) + 1e-5);
    if (thread == 0u && id.y == 0u) {
        stats[p.stats + id.z * groups() + id.x] = vec2<f32>(mean, rate);
    }
    lift(thread, id.z, id.x, id.y, mean, rate);
}
