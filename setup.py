"""The package's metadata: the only place that states its version."""

from pathlib import Path

from setuptools import find_packages, setup

TENSORFLOW = ">=2.12"

setup(
    name="tfbn",
    version="0.1.0.dev0",
    description="tf.contrib.layers.batch_norm for today's TensorFlow",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=["tfbn", "tfbn.*"]),
    package_data={"tfbn": ["py.typed"]},
    include_package_data=False,
    python_requires=">=3.9",
    # TensorFlow is an extra: pip takes tensorflow, tensorflow-cpu, tensorflow-macos, tensorflow-rocm and tf-nightly for
    # unrelated packages, so requiring one of them would install a second TensorFlow over the one that is there.
    install_requires=["numpy>=1.22"],
    extras_require={
        "tensorflow": ["tensorflow" + TENSORFLOW],
        "cpu": ["tensorflow-cpu" + TENSORFLOW],
        "examples": ["scikit-learn", "matplotlib", "tqdm"],
        "migrate": ["libcst>=1.1", "tqdm"],  # `tfbn migrate`
        "tools": ["matplotlib", "tqdm", "h5py"],  # the plots, the progress bars and Keras' weight files
        "guide": ["mkdocs>=1.6", "mkdocs-material>=9.5"],  # the guide as a site: make guide
        # setuptools builds the wheel that the tests install; from 70.1 on it does so without the package wheel.
        "test": [
            "pytest>=7.2",
            "pytest-xdist>=3.2",
            "ruff>=0.11",
            "mypy>=1.10",
            "setuptools>=70.1",
            "libcst>=1.1",
            "h5py",
            "tqdm",
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        *[f"Programming Language :: Python :: 3.{minor}" for minor in range(9, 14)],
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    keywords=["tensorflow", "batch normalization", "tf.contrib", "tf-slim", "migration"],
    entry_points={"console_scripts": ["tfbn = tfbn.cli:main"]},
    zip_safe=False,
)
