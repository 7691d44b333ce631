// One tile: a picture of f32 values, shown as it is, as a signed map, in false colour, or compared with another picture.
//
// `src/gui/tiles/twin.rs` is this file in Rust, line by line; a test holds the two together. The colour maps `diverging` and
// `sequential` are added from the table in `src/study/looks.rs`.

struct Tile {
    // The picture coordinates of the tile's top left corner, and how many picture pixels the tile spans.
    origin: vec2<f32>,
    span: vec2<f32>,
    // The picture's width and height.
    size: vec2<f32>,
    // The tile's width and height on the screen, in physical pixels.
    screen: vec2<f32>,
    // shown = value · gain + offset
    gain: f32,
    offset: f32,
    // Right of this picture coordinate the reference is shown instead; negative for no wipe.
    wipe: f32,
    // Opacity of the lines between picture pixels.
    grid: f32,
    mode: u32,
    compare: u32,
    channel: u32,
    flags: u32,
    // What lies around the picture.
    backdrop: vec4<f32>,
};

const PICTURE = 0u;
const SIGNED = 1u;
const FALSE_COLOUR = 2u;

const PLAIN = 0u;
const ERROR = 1u;
const ABSOLUTE = 2u;
const SQUARED = 3u;
const RELATIVE = 4u;

const ALL_CHANNELS = 0u;

const FLIPPED = 1u;
const LINEAR_TARGET = 2u;

const MOST_SAMPLES = 8.0;

@group(0) @binding(0) var<uniform> tile: Tile;
@group(0) @binding(1) var content: texture_2d<f32>;
@group(0) @binding(2) var operand: texture_2d<f32>;
@group(0) @binding(3) var reference: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) uv: vec2<f32>,
};

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    let uv = vec2<f32>(f32(index & 1u), f32(index >> 1u));
    var corner: Corner;
    corner.position = vec4<f32>(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0, 0.0, 1.0);
    corner.uv = uv;
    return corner;
}

@fragment
fn fragment(corner: Corner) -> @location(0) vec4<f32> {
    let colour = shade(tile.origin + corner.uv * tile.span);
    if (tile.flags & LINEAR_TARGET) != 0u {
        return vec4<f32>(linear(colour), 1.0);
    }
    return vec4<f32>(colour, 1.0);
}

// The colour at a point of the picture's plane.
fn shade(at: vec2<f32>) -> vec3<f32> {
    if any(at < vec2<f32>(0.0)) || any(at >= tile.size) {
        return tile.backdrop.rgb;
    }
    let other = (tile.flags & FLIPPED) != 0u || (tile.wipe >= 0.0 && at.x >= tile.wipe);
    let value = average(at, other);
    if !(all(finite(value))) {
        return vec3<f32>(1.0, 0.0, 1.0);
    }
    var colour: vec3<f32>;
    if other {
        colour = clamp(value, vec3<f32>(0.0), vec3<f32>(1.0));
    } else {
        colour = map_value(value);
    }
    return lines(at, colour);
}

// The mean over the footprint of one physical pixel, at most 8 × 8 samples; the nearest pixel when magnified.
fn average(at: vec2<f32>, other: bool) -> vec3<f32> {
    let footprint = tile.span / tile.screen;
    let count = clamp(ceil(footprint), vec2<f32>(1.0), vec2<f32>(MOST_SAMPLES));
    var sum = vec3<f32>(0.0);
    for (var y = 0.0; y < count.y; y += 1.0) {
        for (var x = 0.0; x < count.x; x += 1.0) {
            let shift = (vec2<f32>(x, y) + 0.5) / count - 0.5;
            let point = clamp(at + shift * max(footprint, vec2<f32>(1.0)) * step(vec2<f32>(1.5), count),
                vec2<f32>(0.0), tile.size - 1.0);
            sum += value_at(vec2<i32>(floor(point)), other);
        }
    }
    return sum / (count.x * count.y);
}

// The value of a picture pixel after comparison and choice of channel.
fn value_at(pixel: vec2<i32>, other: bool) -> vec3<f32> {
    if other {
        return channels(textureLoad(reference, pixel, 0).rgb);
    }
    let a = textureLoad(content, pixel, 0).rgb;
    if tile.compare == PLAIN {
        return channels(a);
    }
    let b = textureLoad(operand, pixel, 0).rgb;
    let error = a - b;
    switch tile.compare {
        case 1u: { return channels(error); }
        case 2u: { return channels(abs(error)); }
        case 3u: { return channels(error * error); }
        default: { return channels(abs(error) / (abs(b) + 0.01)); }
    }
}

// One channel as grey, or all of them.
fn channels(value: vec3<f32>) -> vec3<f32> {
    switch tile.channel {
        case 1u: { return value.rrr; }
        case 2u: { return value.ggg; }
        case 3u: { return value.bbb; }
        case 4u: { return vec3<f32>(dot(value, vec3<f32>(0.2126, 0.7152, 0.0722))); }
        default: { return value; }
    }
}

fn map_value(value: vec3<f32>) -> vec3<f32> {
    if tile.mode == SIGNED {
        return diverging((value.r + value.g + value.b) / 3.0 * tile.gain + tile.offset);
    }
    if tile.mode == FALSE_COLOUR {
        return sequential(sqrt(dot(value, value) / 3.0) * tile.gain + tile.offset);
    }
    return clamp(value * tile.gain + tile.offset, vec3<f32>(0.0), vec3<f32>(1.0));
}

// Thin lines between the picture's pixels, once they are large on the screen.
fn lines(at: vec2<f32>, colour: vec3<f32>) -> vec3<f32> {
    if tile.grid <= 0.0 {
        return colour;
    }
    let width = tile.span / tile.screen;
    if any(fract(at) < width) {
        return mix(colour, vec3<f32>(0.5), tile.grid);
    }
    return colour;
}

// Neither infinite nor NaN, read from the bits because arithmetic on them may be optimised away.
fn finite(value: vec3<f32>) -> vec3<bool> {
    return (bitcast<vec3<u32>>(value) & vec3<u32>(0x7f800000u)) != vec3<u32>(0x7f800000u);
}

// sRGB to linear light, for a render target that encodes by itself.
fn linear(colour: vec3<f32>) -> vec3<f32> {
    let low = colour / 12.92;
    let high = pow((colour + 0.055) / 1.055, vec3<f32>(2.4));
    return select(high, low, colour <= vec3<f32>(0.04045));
}
