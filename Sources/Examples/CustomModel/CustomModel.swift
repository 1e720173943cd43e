import DistTrain

@main struct CustomModel { static func main() {} }
