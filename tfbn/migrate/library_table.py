"""What Python 3 and newer NumPy, SciPy and their neighbours have lost, written by hand, and what to use.

Names stand in full, in groups by what has lost them; a name stands for all below it. A name in backticks is code that
runs: a test evaluates each.
"""

from __future__ import annotations

_NUMPY = {
    "alltrue": "`numpy.all`",
    "sometrue": "`numpy.any`",
    "product": "`numpy.prod`",
    "cumproduct": "`numpy.cumprod`",
    "in1d": "`numpy.isin`",
    "row_stack": "`numpy.vstack`",
    "asscalar": "the array's method item()",
    "float": "`float`",
    "int": "`int`",
    "object": "`object`",
    **dict.fromkeys(["str", "unicode"], "`str`"),
    "complex": "`complex`",
    "float_": "`numpy.float64`",
    **dict.fromkeys(["complex_", "cfloat"], "`numpy.complex128`"),
    "singlecomplex": "`numpy.complex64`",
    **dict.fromkeys(["unicode_", "str0"], "`numpy.str_`"),
    "string_": "`numpy.bytes_`",
    "bool8": "`numpy.bool_`",
    "int0": "`numpy.intp`",
    "uint0": "`numpy.uintp`",
    "object0": "`numpy.object_`",
    "void0": "`numpy.void`",
    **dict.fromkeys(["Inf", "Infinity", "infty", "PINF"], "`numpy.inf`"),
    "NINF": "`-numpy.inf`",
    **dict.fromkeys(["NaN", "NAN"], "`numpy.nan`"),
    "NZERO": "`-0.0`",
    "PZERO": "`0.0`",
    "round_": "`numpy.round`",
    "trapz": "`scipy.integrate.trapezoid`",
    "mat": "`numpy.asmatrix`",
    "rank": "`numpy.ndim`",
    "alen": "`len`",
    "msort": "`numpy.sort` with axis=0",
    "find_common_type": "`numpy.result_type`",
    "issubclass_": "`issubclass`",
    "issubsctype": "`numpy.issubdtype`",
    "asfarray": "`numpy.asarray` with dtype=float",
    "cast": "`numpy.asarray` with the dtype",
    **dict.fromkeys(["recfromcsv", "recfromtxt"], "`numpy.genfromtxt`"),
    "typeDict": "`numpy.sctypeDict`",
    "safe_eval": "`ast.literal_eval`",
    "source": "`inspect.getsource`",
    "disp": "`print`",
    "math": "`math` of Python",
    **{
        f"lib.{name}": f"`numpy.{name}`"
        for name in (
            "append average c_ delete diag diff digitize dstack expand_dims eye fix flip fliplr flipud gradient "
            "histogram insert interp intersect1d median meshgrid nan_to_num pad percentile polyfit r_ split tile tril "
            "triu unique vectorize"
        ).split()
    },
    **{
        f"lib.{name}": "`numpy`"
        for name in (
            "arraypad arraysetops function_base histograms index_tricks nanfunctions polynomial shape_base "
            "twodim_base type_check ufunclike utils"
        ).split()
    },
    **dict.fromkeys(["fft.fftpack", "fft.helper"], "`numpy.fft`"),
    **{
        name: f"numpy.exceptions.{name}"
        for name in ["AxisError", "ComplexWarning", "RankWarning", "TooHardError", "VisibleDeprecationWarning"]
    },
    **dict.fromkeys("fv ipmt irr mirr nper npv pmt ppmt pv rate".split(), "the package numpy-financial"),
    "bytes0": "`numpy.bytes_`",
    "longfloat": "`numpy.longdouble`",
    **dict.fromkeys(["clongfloat", "longcomplex"], "`numpy.clongdouble`"),
    **dict.fromkeys(["mafromtxt", "ndfromtxt"], "`numpy.genfromtxt`"),
    "loads": "`pickle.loads`",
    "nbytes": "`numpy.dtype` of the name, and its itemsize",
    "sctypes": "the types by their names",
    **dict.fromkeys(["issctype", "maximum_sctype", "obj2sctype"], "`numpy.dtype`"),
    "set_string_function": "`numpy.set_printoptions`",
    "fastCopyAndTranspose": "`numpy.transpose`, and its copy()",
    "sys": "`sys` of Python",
    "warnings": "`warnings` of Python",
    "testing.rand": "`numpy.random.rand`",
    "linalg.linalg": "`numpy.linalg`",
    "distutils": "setuptools",
    "core.umath_tests": "`numpy.einsum`",
}
_OF_NUMPY = (
    "abs arange argmax argmin array asarray ceil concatenate cos dot exp eye floor hstack isnan linspace log log10 "
    "log2 max maximum mean min minimum ndarray ones ones_like pi power prod rand randn random reshape round sign sin "
    "sqrt stack std sum tanh transpose unique var vstack where zeros zeros_like "
    "absolute add all allclose amax amin angle any append arccos arcsin arctan arctan2 argsort argwhere around "
    "array_equal atleast_1d atleast_2d average bincount bool_ clip column_stack complex128 complex64 conj convolve "
    "copy corrcoef cosh count_nonzero cov cross cumprod cumsum diag diff digitize divide dstack dtype e einsum "
    "empty empty_like equal expand_dims expm1 fabs finfo flipud fliplr float32 float64 fromfile full gradient greater "
    "histogram hypot identity imag inf inner insert int32 int64 int8 interp intersect1d isfinite isinf kron less "
    "linspace loadtxt logical_and logical_not logical_or logspace matrix median meshgrid mgrid mod multiply nan "
    "nan_to_num nanmax nanmean nanmin nonzero outer percentile polyfit polyval ravel real repeat roll rot90 "
    "save savetxt sinh sort split square squeeze subtract take tan tensordot tile trace tril triu uint8 vdot "
    "vectorize"
)
_SCIPY = {
    "misc.imread": "`imageio.imread`, or numpy.asarray of PIL.Image.open",
    "ndimage.imread": "`imageio.imread`, or numpy.asarray of PIL.Image.open",
    "misc.imsave": "`imageio.imwrite` of a uint8 array: imsave spread floats over 0 to 255",
    "misc.toimage": "`PIL.Image.fromarray` of a uint8 array: toimage spread floats over 0 to 255",
    "misc.imresize": "`PIL.Image.fromarray` of a uint8 array, and its resize((width, height)), read by numpy.asarray",
    "misc.imrotate": "`PIL.Image.fromarray` of a uint8 array, and its rotate(angle), read by numpy.asarray",
    "misc.fromimage": "`numpy.asarray`",
    "misc.imshow": "`matplotlib.pyplot.imshow`",
    "misc.imfilter": "the filters of `PIL.ImageFilter`",
    "misc.bytescale": "the few lines of its source in SciPy 1.1",
    "misc.pilutil": "`PIL.Image`",
    "misc.logsumexp": "`scipy.special.logsumexp`",
    "misc.comb": "`scipy.special.comb`",
    "misc.factorial": "`scipy.special.factorial`",
    "misc.face": "`scipy.datasets.face`",
    "misc.ascent": "`scipy.datasets.ascent`",
    "misc.derivative": "`numpy.gradient`, or a difference of your own",
    "signal.gaussian": "`scipy.signal.windows.gaussian`",
    "signal.hann": "`scipy.signal.windows.hann`",
    "signal.hanning": "`scipy.signal.windows.hann`",
    "signal.hamming": "`scipy.signal.windows.hamming`",
    "signal.blackman": "`scipy.signal.windows.blackman`",
    "signal.kaiser": "`scipy.signal.windows.kaiser`",
    **{
        f"signal.{name}": f"`scipy.signal.windows.{name}`"
        for name in (
            "barthann bartlett blackmanharris bohman boxcar chebwin cosine exponential flattop general_gaussian "
            "nuttall parzen triang tukey"
        ).split()
    },
    **dict.fromkeys(["signal.cwt", "signal.morlet", "signal.ricker"], "the package PyWavelets"),
    **dict.fromkeys(
        ["sparse.linalg.dsolve.linsolve", "sparse.linalg.eigen.arpack", "sparse.linalg.isolve.iterative"],
        "`scipy.sparse.linalg`",
    ),
    "integrate.quadrature": "`scipy.integrate.quad`",
    "integrate.romberg": "`scipy.integrate.quad`",
    "integrate.simps": "`scipy.integrate.simpson`",
    "integrate.trapz": "`scipy.integrate.trapezoid`",
    "integrate.cumtrapz": "`scipy.integrate.cumulative_trapezoid`",
    "interpolate.spline": "`scipy.interpolate.make_interp_spline`",
    "stats.chisqprob": "`scipy.stats.chi2.sf`",
    "stats.threshold": "`numpy.clip`",
    "stats.binom_test": "`scipy.stats.binomtest`",
    "stats.find_repeats": "`numpy.unique` with return_counts",
    **{f"stats.{name}": f"`numpy.{name}`" for name in ("nanmean", "nanmedian", "nanstd")},
    "special.sph_harm": "`scipy.special.sph_harm_y`, whose arguments have another order",
    "special.btdtr": "`scipy.special.betainc`",
    "linalg.kron": "`numpy.kron`",
    "misc.lena": "`scipy.datasets.ascent`",
    "linalg.pinv2": "`scipy.linalg.pinv`",
    "random": "`numpy.random`",
    "linalg.tri": "`numpy.tri`",
    "linalg.triu": "`numpy.triu`",
    "linalg.tril": "`numpy.tril`",
    "weave": "Cython, or a function of NumPy",
    **{name: f"`numpy.{name}`" for name in _OF_NUMPY.split() if name not in ("rand", "randn", "ndarray")},
    "rand": "`numpy.random.rand`",
    "randn": "`numpy.random.randn`",
}
_MODULES_OF_SKLEARN = {
    "cluster": "affinity_propagation_ bicluster birch dbscan_ hierarchical k_means_ mean_shift_ spectral",
    "covariance": "empirical_covariance_ outlier_detection robust_covariance shrunk_covariance_",
    "datasets": "base california_housing lfw olivetti_faces samples_generator svmlight_format twenty_newsgroups",
    "decomposition": "base factor_analysis fastica_ incremental_pca kernel_pca nmf online_lda pca truncated_svd",
    "ensemble": "bagging base forest gradient_boosting iforest voting_classifier weight_boosting",
    "feature_extraction": "dict_vectorizer hashing stop_words",
    "feature_selection": "base from_model mutual_info_ rfe univariate_selection variance_threshold",
    "gaussian_process": "gpc gpr",
    "linear_model": "base bayes coordinate_descent least_angle logistic omp ransac sag stochastic_gradient theil_sen",
    "manifold": "isomap locally_linear mds spectral_embedding_ t_sne",
    "metrics": "base classification ranking regression scorer",
    "mixture": "base bayesian_mixture gaussian_mixture",
    "neighbors": "base ball_tree classification graph kd_tree kde lof nearest_centroid regression unsupervised",
    "neural_network": "multilayer_perceptron rbm",
    "preprocessing": "data imputation label",
    "svm": "base bounds classes liblinear libsvm",
    "tree": "export tree",
}
_SKLEARN = {
    "cross_validation": "`sklearn.model_selection`",
    "grid_search": "`sklearn.model_selection`",
    "learning_curve": "`sklearn.model_selection`",
    "externals.joblib": "the package joblib",
    "externals.six": "the package six",
    "lda": "`sklearn.discriminant_analysis`",
    "qda": "`sklearn.discriminant_analysis`",
    "hmm": "the package hmmlearn",
    "utils.linear_assignment_": "`scipy.optimize.linear_sum_assignment`",
    "datasets.fetch_mldata": "`sklearn.datasets.fetch_openml`",
    "datasets.load_boston": "`sklearn.datasets.fetch_openml`",
    "preprocessing.Imputer": "`sklearn.impute.SimpleImputer`",
    "metrics.jaccard_similarity_score": "`sklearn.metrics.jaccard_score`",
    "mixture.GMM": "`sklearn.mixture.GaussianMixture`",
    **dict.fromkeys(["mixture.DPGMM", "mixture.VBGMM"], "`sklearn.mixture.BayesianGaussianMixture`"),
    "decomposition.RandomizedPCA": "`sklearn.decomposition.PCA` with svd_solver='randomized'",
    "gaussian_process.GaussianProcess": "`sklearn.gaussian_process.GaussianProcessRegressor`",
    "neighbors.DistanceMetric": "`sklearn.metrics.DistanceMetric`",
    "neighbors.LSHForest": "`sklearn.neighbors.NearestNeighbors`",
    "metrics.calinski_harabaz_score": "`sklearn.metrics.calinski_harabasz_score`",
    "metrics.SCORERS": "`sklearn.metrics.get_scorer`",
    **{
        f"{package}.{name}": f"`sklearn.{package}`"
        for package, names in _MODULES_OF_SKLEARN.items()
        for name in names.split()
    },
}
_MATPLOTLIB = {
    "finance": "the package mplfinance",
    "mlab.normpdf": "`scipy.stats.norm.pdf`",
    "mlab.bivariate_normal": "`scipy.stats.multivariate_normal`",
    "mlab.griddata": "`scipy.interpolate.griddata`",
    "mlab.PCA": "`sklearn.decomposition.PCA`",
    **dict.fromkeys(["mlab.csv2rec", "mlab.rec2csv"], "`numpy.genfromtxt`, or numpy.savetxt"),
    "mlab.frange": "`numpy.linspace`",
    "mlab.movavg": "`numpy.convolve`",
    "mlab.dist": "`numpy.linalg.norm`",
    "mlab.find": "`numpy.nonzero`",
    **dict.fromkeys(["cm.get_cmap", "pyplot.cm.get_cmap"], "`matplotlib.colormaps`, with the name in brackets"),
    **dict.fromkeys(["cm.cmap_d", "pyplot.cm.cmap_d"], "`matplotlib.colormaps`"),
    **dict.fromkeys(["cm.register_cmap", "pyplot.register_cmap"], "`matplotlib.colormaps.register`"),
    "cm.spectral": "`matplotlib.cm.nipy_spectral`",
    "pyplot.cm.spectral": "`matplotlib.pyplot.cm.nipy_spectral`",
    "pyplot.spectral": "`matplotlib.pyplot.nipy_spectral`",
    "pyplot.hold": "nothing: plots keep what they have; leave it out",
    "pylab.hold": "nothing: plots keep what they have; leave it out",
    "pyplot.plotfile": "`numpy.genfromtxt`, and matplotlib.pyplot.plot",
    "pyplot.plot_date": "`matplotlib.pyplot.plot`",
    "cbook.iterable": "`numpy.iterable`",
    **dict.fromkeys(["cbook.is_numlike", "cbook.is_string_like"], "`isinstance`"),
    "cbook.dedent": "`inspect.cleandoc`",
}
_OTHERS = {
    "skimage.measure.compare_psnr": "`skimage.metrics.peak_signal_noise_ratio`",
    "skimage.measure.compare_ssim": "`skimage.metrics.structural_similarity`",
    "skimage.measure.compare_mse": "`skimage.metrics.mean_squared_error`",
    "skimage.measure.compare_nrmse": "`skimage.metrics.normalized_root_mse`",
    "skimage.filter": "`skimage.filters`",
    "librosa.output": "the package soundfile, whose write takes the file, the samples and the rate",
    "cv2.cv": "`cv2`, whose names have no CV_ in front",
    "cv2.CV_AA": "`cv2.LINE_AA`",
    "cv2.CV_LOAD_IMAGE_COLOR": "`cv2.IMREAD_COLOR`",
    "cv2.CV_LOAD_IMAGE_GRAYSCALE": "`cv2.IMREAD_GRAYSCALE`",
    "cv2.CV_LOAD_IMAGE_UNCHANGED": "`cv2.IMREAD_UNCHANGED`",
    "pandas.Panel": "a DataFrame with a MultiIndex, or NumPy",
    "pandas.datetime": "`datetime.datetime`",
    "pandas.np": "`numpy`",
    "pandas.rolling_mean": "the frame's rolling(...).mean()",
    "pandas.rolling_std": "the frame's rolling(...).std()",
    "pandas.tools": "`pandas.plotting`",
    "pandas.scatter_matrix": "`pandas.plotting.scatter_matrix`",
}
_PYTHON = {
    "cPickle": "`pickle`; what Python 2 pickled with arrays wants pickle.load(file, encoding='latin1')",
    "cStringIO": "`io.StringIO`, or io.BytesIO",
    "StringIO": "`io.StringIO`, or io.BytesIO",
    "Queue": "`queue`",
    "ConfigParser": "`configparser`",
    "urllib2": "`urllib.request`",
    "urlparse": "`urllib.parse`",
    "httplib": "`http.client`",
    "cookielib": "`http.cookiejar`",
    "HTMLParser": "`html.parser`",
    "SocketServer": "`socketserver`",
    "BaseHTTPServer": "`http.server`",
    "SimpleHTTPServer": "`http.server`",
    "xmlrpclib": "`xmlrpc.client`",
    "thread": "`threading`",
    "__builtin__": "`builtins`",
    "copy_reg": "`copyreg`",
    "Tkinter": "`tkinter`",
    "tkMessageBox": "`tkinter`.messagebox",
    "tkFileDialog": "`tkinter`.filedialog",
    "commands": "`subprocess.getoutput`",
    "sets": "`set`",
    "md5": "`hashlib.md5`",
    "sha": "`hashlib.sha1`",
    "imp": "`importlib`",
    "pipes": "`shlex`",
    "cgi": "`html.escape` for its escape, or another package",
    "asyncore": "`asyncio`",
    "Image": "`PIL.Image`",
    "ImageDraw": "`PIL.ImageDraw`",
    "ImageFont": "`PIL.ImageFont`",
    "ImageOps": "`PIL.ImageOps`",
    "PIL.Image.ANTIALIAS": "`PIL.Image.LANCZOS`",
    "itertools.izip": "`zip`",
    "itertools.imap": "`map`",
    "itertools.ifilter": "`filter`",
    "itertools.izip_longest": "`itertools.zip_longest`",
    "itertools.ifilterfalse": "`itertools.filterfalse`",
    **{
        f"collections.{name}": f"`collections.abc.{name}`"
        for name in (
            "Callable Container Generator Hashable ItemsView Iterable Iterator KeysView Mapping MutableMapping "
            "MutableSequence MutableSet Sequence Set Sized ValuesView"
        ).split()
    },
    "sys.maxint": "`sys.maxsize`",
    "sys.setdefaultencoding": "nothing: Python 3 has UTF-8; leave it out",
    "sys.exc_clear": "nothing: leave it out",
    "os.getcwdu": "`os.getcwd`",
    "os.errno": "`errno`",
    "string.letters": "`string.ascii_letters`",
    "string.lowercase": "`string.ascii_lowercase`",
    "string.uppercase": "`string.ascii_uppercase`",
    "string.maketrans": "`str.maketrans`",
    **{
        f"string.{name}": f"the method `str.{name}`"
        for name in "count find join lower lstrip replace rfind rstrip split strip upper zfill".split()
    },
    "string.atoi": "`int`",
    "string.atof": "`float`",
    "types.StringType": "`str`",
    "types.StringTypes": "`str`",
    "types.UnicodeType": "`str`",
    "types.ListType": "`list`",
    "types.DictType": "`dict`",
    "types.TupleType": "`tuple`",
    "types.IntType": "`int`",
    "types.LongType": "`int`",
    "types.FloatType": "`float`",
    "types.BooleanType": "`bool`",
    "types.ObjectType": "`object`",
    "types.ClassType": "`type`",
    "operator.isSequenceType": "isinstance with `collections.abc.Sequence`",
    "operator.isMappingType": "isinstance with `collections.abc.Mapping`",
    "operator.isCallable": "`callable`",
    "operator.div": "`operator.truediv`, or operator.floordiv",
    "urllib.urlretrieve": "`urllib.request.urlretrieve`",
    "urllib.urlopen": "`urllib.request.urlopen`",
    "urllib.URLopener": "`urllib.request`",
    "urllib.urlencode": "`urllib.parse.urlencode`",
    "urllib.quote": "`urllib.parse.quote`",
    "urllib.unquote": "`urllib.parse.unquote`",
    "urllib.quote_plus": "`urllib.parse.quote_plus`",
    "urllib.unquote_plus": "`urllib.parse.unquote_plus`",
    "urllib.pathname2url": "`urllib.request.pathname2url`",
    "inspect.getargspec": "`inspect.getfullargspec`",
    "time.clock": "`time.perf_counter`",
    "fractions.gcd": "`math.gcd`",
    "platform.dist": "the package distro",
    "platform.linux_distribution": "the package distro",
    "base64.encodestring": "`base64.encodebytes`",
    "base64.decodestring": "`base64.decodebytes`",
    "contextlib.nested": "`contextlib.ExitStack`, or one with statement for all",
    "asyncio.coroutine": "async def",
    "locale.format": "`locale.format_string`",
}
GONE = {
    **{f"numpy.{name}": use for name, use in _NUMPY.items()},
    **{f"scipy.{name}": use for name, use in _SCIPY.items()},
    **{f"sklearn.{name}": use for name, use in _SKLEARN.items()},
    **{f"matplotlib.{name}": use for name, use in _MATPLOTLIB.items()},
    **_OTHERS,
    **_PYTHON,
}
