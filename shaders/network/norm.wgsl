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

const THREADS: u32 = 256u;

var<workgroup> sums: array<f32, THREADS>;

fn total(thread: u32, value: f32) -> f32 {
    sums[thread] = value;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    let sum = sums[0];
    workgroupBarrier();
    return sum;
}

// Where thread `thread` begins in a block, and where the block ends, as (pixel, channel in the group, last pixel).
fn span(thread: u32, block: u32) -> vec3<u32> {
    let first = block * p.block;
    return vec3<u32>(first + thread / p.size, thread % p.size, min(first + p.block, p.pixels));
}

// The thread's next value.
fn next(at: vec3<u32>) -> vec3<u32> {
    var pixel = at.x + THREADS / p.size;
    var channel = at.y + THREADS % p.size;
    if (channel >= p.size) {
        channel -= p.size;
        pixel++;
    }
    return vec3<u32>(pixel, channel, at.z);
}

fn place(picture: u32, group: u32, at: vec3<u32>) -> u32 {
    return (picture * p.pixels + at.x) * p.width + group * p.size + at.y;
}

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
    // What is padding stays nothing.
    if ((group + 1u) * p.size == p.channels && p.channels < p.width) {
        let last = min((block + 1u) * p.block, p.pixels);
        for (var pixel = block * p.block + thread; pixel < last; pixel += THREADS) {
            for (var c = p.channels; c < p.width; c++) {
                result[(picture * p.pixels + pixel) * p.width + c] = 0.0;
            }
        }
    }
}

@compute @workgroup_size(THREADS)
fn fused(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let count = f32(p.pixels * p.size);
    let moments = measure(thread, id.z, id.x, 0u, count);
    let rate = 1.0 / sqrt(moments.y / count + 1e-5);
    if (thread == 0u) {
        stats[p.stats + id.z * (p.channels / p.size) + id.x] = vec2<f32>(moments.x, rate);
    }
    lift(thread, id.z, id.x, 0u, moments.x, rate);
}

@compute @workgroup_size(THREADS)
fn moments(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let pixels = min(p.block, p.pixels - id.y * p.block);
    let found = measure(thread, id.z, id.x, id.y, f32(pixels * p.size));
    if (thread == 0u) {
        parts[(id.z * (p.channels / p.size) + id.x) * p.blocks + id.y] = found;
    }
}

@compute @workgroup_size(THREADS)
fn apply(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = id.z * (p.channels / p.size) + id.x;
    // Each block's share of the mean, then of the squares about the common mean.
    var mean = 0.0;
    for (var block = 0u; block < p.blocks; block++) {
        let share = f32(min(p.block, p.pixels - block * p.block)) / f32(p.pixels);
        mean = fma(parts[index * p.blocks + block].x, share, mean);
    }
    var squares = 0.0;
    for (var block = 0u; block < p.blocks; block++) {
        let part = parts[index * p.blocks + block];
        let count = f32(min(p.block, p.pixels - block * p.block) * p.size);
        let apart = part.x - mean;
        squares += fma(apart * apart, count, part.y);
    }
    let rate = 1.0 / sqrt(squares / f32(p.pixels * p.size) + 1e-5);
    if (thread == 0u && id.y == 0u) {
        stats[p.stats + index] = vec2<f32>(mean, rate);
    }
    lift(thread, id.z, id.x, id.y, mean, rate);
}
