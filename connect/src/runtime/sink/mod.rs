mod bisect;
mod lanes;
