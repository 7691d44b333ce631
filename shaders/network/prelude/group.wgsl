// How the threads of a workgroup go over the values of a group of channels, in a block of a row's pixels. To be put after
// total.wgsl, before a kernel whose `result` is of such rows and whose parameters `p` have `pixels`, `width`, `channels`,
// `size`, `block` and `blocks` as norm.wgsl explains them.

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

// Where a value of a row lies.
fn place(row: u32, group: u32, at: vec3<u32>) -> u32 {
    return (row * p.pixels + at.x) * p.width + group * p.size + at.y;
}

// How many groups a row has.
fn groups() -> u32 {
    return p.channels / p.size;
}

// Where a block's part of a sum over a group lies.
fn part(row: u32, group: u32, block: u32) -> u32 {
    return (row * groups() + group) * p.blocks + block;
}

// What is padding of a result's pixels stays nothing; the last group sees to it.
fn clear_padding(thread: u32, row: u32, group: u32, block: u32) {
    if (group + 1u < groups() || p.channels == p.width) {
        return;
    }
    let last = min((block + 1u) * p.block, p.pixels);
    for (var pixel = block * p.block + thread; pixel < last; pixel += THREADS) {
        for (var c = p.channels; c < p.width; c++) {
            result[(row * p.pixels + pixel) * p.width + c] = 0.0;
        }
    }
}
