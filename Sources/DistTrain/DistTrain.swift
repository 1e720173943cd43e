// Everything a Swift program needs to define a model and train it under mpirun.
@_exported public import Graph
@_exported public import Models
